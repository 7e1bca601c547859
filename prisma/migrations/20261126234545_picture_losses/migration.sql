-- AlterTable
ALTER TABLE "pictures" ADD COLUMN     "losses" SMALLINT NOT NULL DEFAULT 0;
