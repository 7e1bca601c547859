export type DelayedCall = {
  /** Calls after the delay, unless a call is planned already. */
  plan(): void;
  /** Calls now, after the call in progress, instead of the planned one. */
  flush(): Promise<void>;
};

/** Returns a call that is made at most once per `delayMs`. `call` must not reject; it returns whether another call follows. */
export function createDelayedCall(call: () => Promise<boolean>, delayMs: number): DelayedCall {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = async () => {
    const again = await call();
    timer = undefined;
    if (again) plan();
  };
  const plan = () => {
    if (timer !== undefined) return;
    timer = setTimeout(() => {
      running = run();
    }, delayMs);
    timer.unref();
  };
  return {
    plan,
    async flush() {
      await running;
      clearTimeout(timer);
      await call();
    },
  };
}
