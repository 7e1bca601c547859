-- CreateTable
CREATE TABLE "archived_alerts" (
    "alert_id" BIGINT NOT NULL,
    "restored_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "restored_from" TEXT NOT NULL,

    CONSTRAINT "archived_alerts_pkey" PRIMARY KEY ("alert_id")
);

-- CreateTable
CREATE TABLE "archive_heads" (
    "url" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "sha256" BYTEA NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "archive_heads_pkey" PRIMARY KEY ("url")
);

-- AddForeignKey
ALTER TABLE "archived_alerts" ADD CONSTRAINT "archived_alerts_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE CASCADE ON UPDATE NO ACTION;
