// What all parts of a page are made of: elements whose texts are texts, times, and reasons in words.

function element(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

// The title of a recording or of a clip's, and what tells it from others of that title.
function nameOf({ title, origin }) {
  return origin ? `${title} (${origin})` : title;
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return `${hours ? `${hours}:` : ""}${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

// A length, to the nearest second; what is there lasts a second at least.
function lengthClock(seconds) {
  return clock(seconds > 0 ? Math.max(1, Math.floor(seconds + 0.5)) : 0);
}

function drawing(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// Seconds as people say them: 1 h 5 min.
function lasting(seconds) {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return `${Math.max(1, Math.round(seconds))} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function reasonOf(result) {
  const notes = result.structuredContent && result.structuredContent.notes;
  if (notes && notes.length) return notes.join(" ");
  const said = (result.content || []).map((block) => block.text || "").join(" ");
  return result.isError ? said.replace(/^Error executing tool \w+: /, "") : "";
}
