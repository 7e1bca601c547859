ALTER TABLE "destinations" ADD COLUMN "deleted_at" TIMESTAMPTZ(3);
