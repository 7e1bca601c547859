-- AlterTable
ALTER TABLE "alerts" ADD COLUMN     "camera" TEXT,
ADD COLUMN     "source" TEXT;
