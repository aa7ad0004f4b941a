// Asks the console for a page or a part of one, or for one of its regions alone. What answers in its place, as a proxy
// does, is no answer of it.
export async function ask(url, options = {}, region = "1") {
  const answer = await fetch(url, { ...options, headers: { "x-console-part": region } });
  if (!answer.headers.has("x-console")) throw new Error(`${answer.status} by something between here and the console`);
  return { answer, text: await answer.text() };
}
