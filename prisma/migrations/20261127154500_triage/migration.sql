-- CreateTable
CREATE TABLE "alert_triage" (
    "alert_id" BIGINT NOT NULL,
    "acknowledged_at" TIMESTAMPTZ(3),
    "acknowledged_by" TEXT,
    "assignee" TEXT,
    "comment_count" INTEGER NOT NULL DEFAULT 0,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "alert_triage_pkey" PRIMARY KEY ("alert_id")
);

-- CreateTable
CREATE TABLE "alert_comments" (
    "alert_id" BIGINT NOT NULL,
    "number" INTEGER NOT NULL,
    "text" TEXT NOT NULL,
    "author" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "alert_comments_pkey" PRIMARY KEY ("alert_id","number")
);

-- CreateIndex
CREATE INDEX "alert_triage_assignee_idx" ON "alert_triage"("assignee") WHERE (assignee IS NOT NULL);

-- AddForeignKey
ALTER TABLE "alert_triage" ADD CONSTRAINT "alert_triage_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "alert_comments" ADD CONSTRAINT "alert_comments_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alert_triage"("alert_id") ON DELETE CASCADE ON UPDATE NO ACTION;
