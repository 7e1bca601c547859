-- AlterTable
ALTER TABLE "alerts" ADD COLUMN     "last_error_at" TIMESTAMPTZ(3),
ADD COLUMN     "next_attempt_at" TIMESTAMPTZ(3),
ADD COLUMN     "round_started_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "api_keys" ADD COLUMN     "last_used_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "alert_rounds" (
    "alert_id" BIGINT NOT NULL,
    "attempts" INTEGER NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3) NOT NULL,
    "failure_code" "failure_code" NOT NULL,
    "failure_detail" TEXT NOT NULL,

    CONSTRAINT "alert_rounds_pkey" PRIMARY KEY ("alert_id","attempts")
);

-- AddForeignKey
ALTER TABLE "alert_rounds" ADD CONSTRAINT "alert_rounds_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE CASCADE ON UPDATE NO ACTION;
