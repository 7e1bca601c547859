-- CreateTable
CREATE TABLE "backup_runs" (
    "kind" TEXT NOT NULL,
    "succeeded_at" TIMESTAMPTZ(3) NOT NULL,
    "name" TEXT NOT NULL,
    "seconds" DOUBLE PRECISION NOT NULL,

    CONSTRAINT "backup_runs_pkey" PRIMARY KEY ("kind")
);
