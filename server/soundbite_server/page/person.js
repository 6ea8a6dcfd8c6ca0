// The person's page: a question and its filters, the results, one recording; all of it in the address.

const FEWEST_LETTERS = 3;
const MOST_CLIPS = 20;

function withParams(path, params) {
  const given = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== "" && value !== undefined));
  return String(given) ? `${path}?${given}` : path;
}

// The address of a recording, at a second `t` and with a question `q`.
function addressOf(assetId, params = {}) {
  return withParams(`#/recording/${encodeURIComponent(assetId)}`, params);
}

// The address of a search: `q` or `like`, and filters by their names.
function searchAddress(params) {
  return withParams("#/", params);
}

function readAddress() {
  const [path, query = ""] = location.hash.slice(1).split("?");
  const params = Object.fromEntries(new URLSearchParams(query));
  const [, view, id] = path.match(/^\/(recording)\/([^/]+)$/) || [];
  return { view: view || "search", id: id ? decodeURIComponent(id) : "", params };
}

class Page {
  constructor(bridge) {
    this.bridge = bridge;
    this.turn = 0;
    this.asked = null;
    this.part = (id) => document.getElementById(id);
    this.notices = new Notices();
    this.results = new Results(bridge, {
      address: (clip, q) => addressOf(clip.asset_id, { t: Math.round(10 * clip.start_sec) / 10 || "", q }),
      more: (clip) => this.go(searchAddress({ like: clip.clip_id })),
    });
    this.library = new Library(bridge, this.notices, () => this.stocked());
    this.recording = new RecordingView(this, this.part("recording"));
    this.keys = new Keys(this);
    this.fields = [...this.part("options").querySelectorAll("[name]")];
    this.part("options").open = this.library.wide.matches;
  }

  async start() {
    await this.bridge.connect({ onTokenWanted: (why) => this.askToken(why) });
    this.part("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.part("question").addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.typed(), TYPING_MS);
    });
    this.part("options").addEventListener("change", () => this.submit());
    this.part("options-clear").addEventListener("click", () => {
      this.fill({});
      this.submit();
    });
    this.part("token").addEventListener("submit", (event) => {
      event.preventDefault();
      this.bridge.useToken(this.part("bearer").value.trim());
      this.part("bearer").value = "";
      this.begin();
    });
    addEventListener("hashchange", () => this.route());
    await this.begin();
  }

  // With no token, or with a fresh one.
  async begin() {
    try {
      await this.library.start();
    } catch (error) {
      if (!error.isToken) this.results.say(error.message, true);
      return;
    }
    document.body.classList.remove("is-locked");
    this.part("token").hidden = true;
    this.part("question").focus({ preventScroll: true });
    this.route();
    this.facets();
  }

  askToken(why) {
    document.body.classList.add("is-locked");
    this.part("token").hidden = false;
    this.part("token-why").textContent = why;
    this.part("bearer").focus();
  }

  // What filters can be chosen from.
  async facets() {
    try {
      const { tags, speakers = [] } = await this.bridge.ask("facets");
      const select = this.part("options").querySelector("[name=tags]");
      const chosen = select.value;
      select.replaceChildren(element("option", { value: "" }, "any"), ...tags.map(({ tag, count }) => element("option", { value: tag }, `${tag} (${count})`)));
      this.choose(select, chosen);
      this.part("speaker-names").replaceChildren(...speakers.map((value) => element("option", { value })));
    } catch {
      // Filters can be typed into the address all the same.
    }
  }

  // A tag that no recording has any more stays chosen: else the address would say another thing than the page.
  choose(select, value) {
    if (value && ![...select.options].some((option) => option.value === value)) select.append(element("option", { value }, value));
    select.value = value;
  }

  changed() {
    this.facets();
    this.library.reload().catch((error) => this.library.tell(error));
  }

  // The library changed: what the page says while nothing is asked may be out of date.
  stocked() {
    if (this.recording.facts && this.recording.facts.status === "processing") {
      const entry = this.library.entries.get(this.recording.id);
      if (entry && entry.asset.status === "ready") this.recording.again().catch(() => {});
    }
    if (this.asked === "") this.welcome();
  }

  go(address) {
    if (location.hash === address) this.route();
    else location.hash = address;
  }

  back() {
    return this.asked || "#/";
  }

  route() {
    const { view, id, params } = readAddress();
    const isRecording = view === "recording";
    this.part("results").hidden = isRecording;
    this.part("recording").hidden = !isRecording;
    this.part("options").hidden = isRecording;
    if (isRecording) {
      this.results.playback.stop();
      this.library.fold();
      this.recording.open(id, { q: params.q || "", t: Number(params.t) || 0 });
      return;
    }
    this.recording.close();
    document.title = "Soundbite";
    const { q = "", like = "", ...filters } = params;
    if (this.part("question").value.trim() !== q) this.part("question").value = q;
    this.fill(filters);
    this.search(q, like);
  }

  // The fields under the question are named as the arguments of search_clips; an empty one is not given.
  fill(filters) {
    for (const field of this.fields) {
      const value = filters[field.name] || "";
      if (field.type === "checkbox") field.checked = value === field.value;
      else if (field.tagName === "SELECT") this.choose(field, value);
      else if (field.value !== value) field.value = value;
    }
    this.part("options-clear").hidden = !Object.keys(this.values()).length;
    if (this.fields.some((field) => field.closest("#options-more") && filters[field.name])) this.part("options-more").open = true;
    this.library.limit(filters.tags ? [filters.tags] : []);
  }

  values() {
    const values = this.fields.map((field) => [field.name, field.type === "checkbox" ? (field.checked ? field.value : "") : field.value.trim()]);
    return Object.fromEntries(values.filter(([, value]) => value));
  }

  filters() {
    const given = {};
    for (const field of this.fields) {
      const value = this.values()[field.name];
      if (!value) continue;
      const list = field.tagName === "SELECT" ? [value] : value.split(",").map((entry) => entry.trim()).filter(Boolean);
      given[field.name] = field.type === "number" ? Number(value) : "list" in field.dataset ? list : value;
    }
    return given;
  }

  typed() {
    const question = this.part("question").value.trim();
    if (!question || question.length >= FEWEST_LETTERS) this.submit(true);
  }

  // What is typed takes the place of the address; what is sent is one more, to go back from.
  submit(isTyped = false) {
    clearTimeout(this.typing);
    const address = searchAddress({ q: this.part("question").value.trim(), ...this.values() });
    if (!isTyped || readAddress().view !== "search") return this.go(address);
    history.replaceState(null, "", address);
    return this.route();
  }

  welcome() {
    this.results.clear();
    this.results.say("");
    const invited = ["Search the library", "Ask for what was said or heard, or open a recording of the library."];
    this.results.sayEmpty(...(this.library.nothing || invited));
  }

  // An answer that is shown already is not asked for again; one that comes late is dropped.
  async search(query, like) {
    const filters = this.filters();
    const isAsked = query.length > 0 || like.length > 0;
    const address = isAsked ? searchAddress({ q: query, like, ...this.values() }) : "";
    if (address === this.asked) return;
    this.asked = address;
    const turn = this.turn += 1;
    if (!isAsked) return this.welcome();
    this.results.say(query ? `Searching for “${query}”…` : "Searching for what is like it…");
    try {
      const result = await this.bridge.callTool("search_clips", { query, like, top_k: MOST_CLIPS, detail: "detailed", ...filters });
      if (turn !== this.turn) return;
      if (result.isError && this.library.nothing) this.welcome();
      else this.results.show(result, this.where());
    } catch (error) {
      this.asked = null;
      if (turn === this.turn && !error.isToken) this.results.say(error.message, true);
    }
  }

  where() {
    const { modality, tags, speakers } = this.values();
    return [
      modality ? ` in ${modality === "sound" ? "sounds" : modality}` : "",
      tags ? ` with the tag ${tags}` : "",
      speakers ? ` by ${speakers}` : "",
    ].join("");
  }

  // Plays the row that has the focus, else stops what is played.
  toggleRow(target) {
    const row = this.results.rows.get(target.closest(".clip"));
    if (row) row.toggle();
    else this.results.playback.stop();
  }
}

new Page(new HttpBridge()).start();
