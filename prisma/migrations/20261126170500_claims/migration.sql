-- AlterTable
ALTER TABLE "alerts" ADD COLUMN     "claims" INTEGER NOT NULL DEFAULT 0;
