-- CreateTable
CREATE TABLE "retry_keys" (
    "alert_id" BIGINT NOT NULL,
    "key" TEXT NOT NULL,
    "response" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "retry_keys_pkey" PRIMARY KEY ("alert_id","key")
);

-- CreateIndex
CREATE INDEX "retry_keys_created_at_idx" ON "retry_keys"("created_at");

-- AddForeignKey
ALTER TABLE "retry_keys" ADD CONSTRAINT "retry_keys_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE CASCADE ON UPDATE NO ACTION;
