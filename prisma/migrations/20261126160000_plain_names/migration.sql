-- RenameColumn
ALTER TABLE "alerts" RENAME COLUMN "changed" TO "change_xid";
ALTER TABLE "alerts" RENAME COLUMN "last_fault" TO "last_error";

-- RenameIndex
ALTER INDEX "alerts_changed_id_idx" RENAME TO "alerts_change_xid_id_idx";
ALTER INDEX "alerts_owed_idx" RENAME TO "alerts_unfinished_idx";
ALTER INDEX "alerts_oldest_owed_idx" RENAME TO "alerts_oldest_unfinished_idx";
