/** What the page needs to know about its user and this installation. */
export type PageSettings = {
  /** The name of the key. */
  name: string;
  /** False if authentication is off. */
  keyed: boolean;
  scopes: string[];
  /** False if the key is limited to some stores: it can neither see Bull Board nor change destinations. */
  allStores: boolean;
  /** Whether Bull Board still has the jobs of processed alerts. */
  doneJobs: boolean;
  /** False if no pictures are made: the list has no column for them. */
  pictures: boolean;
  /** Origin of the video server as browsers reach it, or ''. */
  videos: string;
  /** What each failure code means, and what to do. */
  failureCodes: Record<string, { meaning: string; action: string }>;
};
