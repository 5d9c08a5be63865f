const ASK_TIMEOUT_MS = 2_000;

/** Whether an address over HTTP answers, within 2 s, that it serves. */
export const healthAnswers = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
};
