-- CreateTable
CREATE TABLE "store_baselines" (
    "store" TEXT NOT NULL,
    "camera" TEXT NOT NULL,
    "first_at" TIMESTAMPTZ(3) NOT NULL,
    "last_alert_at" TIMESTAMPTZ(3) NOT NULL,
    "learned_until" TIMESTAMPTZ(3) NOT NULL,
    "rates" REAL[],

    CONSTRAINT "store_baselines_pkey" PRIMARY KEY ("store","camera")
);

-- CreateTable
CREATE TABLE "silence_state" (
    "id" SMALLINT NOT NULL DEFAULT 1,
    "learned_until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "silence_state_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "silences" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "store" TEXT NOT NULL,
    "camera" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "expected" DOUBLE PRECISION NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "notified_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "silences_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "silences_created_at_id_idx" ON "silences"("created_at" DESC, "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "silences_open_key" ON "silences"("store", "camera") WHERE (ended_at IS NULL);
