// The library beside the search: what is in it, and what is being embedded, how fast and for how long yet.

const PAGE_LIMIT = 50;
const FIND_FROM = 12;
const LOOK_EVERY_MS = 2000;
const LOOKED_AT = 3;
const TYPING_MS = 350;
const LEAST_SHARE = 0.03;
const LEAST_MS = 3000;

class Library {
  // `onChange()` is told that the list changed.
  constructor(bridge, notices, onChange) {
    this.bridge = bridge;
    this.notices = notices;
    this.onChange = onChange;
    this.part = (id) => document.getElementById(`library-${id}`);
    this.page = 1;
    this.open = "";
    this.tags = [];
    this.tools = [];
    this.entries = new Map();
    this.begun = new Map();
    this.paces = new Map();
    this.deleted = new Set();
    this.wide = matchMedia("(min-width: 60rem)");
    this.details = document.querySelector("#library details");
    this.details.open = this.wide.matches;
    this.uploads = new Uploads(bridge, this.part("sent"), (taskId, row) => this.sent(taskId, row));
    this.part("more").addEventListener("click", () => this.load(this.page + 1).catch((error) => this.tell(error)));
    // The next recordings come as one gets to the end of the list.
    this.sight = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && this.part("more").click());
    this.part("find").addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.load().catch((error) => this.tell(error)), TYPING_MS);
    });
  }

  async start() {
    this.tools = await this.bridge.listTools();
    if (this.tools.includes("embed_audio") && !this.canAdd) {
      this.canAdd = true;
      this.part("add").hidden = this.part("hint").hidden = false;
      this.uploads.takeFiles(this.part("files"));
    }
    await this.load();
  }

  tell(error) {
    if (!error.isToken) this.notices.say(error.message, { isError: true });
  }

  // Shows the list anew, as far as it was shown.
  reload() {
    return this.load(1, this.page);
  }

  // Shows the pages from `page` to `last`: a first page takes the place of all that is shown.
  async load(page = 1, last = page) {
    const title = this.part("find").value.trim();
    const turn = this.turn = (this.turn || 0) + 1;
    const before = page === 1 ? 0 : this.entries.size;
    const assets = [];
    let total_assets = Infinity;
    let total_seconds = 0;
    for (let next = page; next <= last && before + assets.length < total_assets; next += 1) {
      const listed = await this.bridge.callTool("list_audio", { title, tags: this.tags, page: next, page_limit: PAGE_LIMIT });
      if (turn !== this.turn) return;
      if (listed.isError) throw new Error(reasonOf(listed));
      ({ total_assets, total_seconds } = listed.structuredContent);
      assets.push(...listed.structuredContent.assets);
    }
    if (page === 1) this.entries.clear();
    this.page = last;
    for (const asset of assets) this.entries.set(asset.asset_id, new Entry(asset));
    this.draw();
    this.part("more").hidden = this.entries.size >= total_assets;
    // Looked at anew: it may be in sight still, which would be no news.
    this.sight.unobserve(this.part("more"));
    this.sight.observe(this.part("more"));
    if (!title && !this.tags.length) {
      const count = `${total_assets} ${total_assets === 1 ? "recording" : "recordings"}`;
      this.part("count").textContent = total_assets ? `${count}, ${lasting(total_seconds)}` : "nothing yet";
      this.part("find").hidden = total_assets < FIND_FROM;
      this.nothing = this.entries.size < total_assets ? null : this.whyNothing();
    }
    this.watch();
    this.onChange();
    await this.tellFailed(assets.filter((asset) => asset.status === "failed"));
  }

  draw() {
    const entries = [...this.entries].filter(([assetId]) => !this.deleted.has(assetId));
    this.part("list").replaceChildren(...entries.map(([, entry]) => entry.node));
    this.mark(this.open);
  }

  // Which recording is open.
  mark(assetId) {
    this.open = assetId;
    for (const [known, entry] of this.entries) entry.marked(known === assetId);
  }

  limit(tags) {
    if (tags.join() === this.tags.join()) return;
    this.tags = tags;
    this.load().catch((error) => this.tell(error));
  }

  // On a narrow window the list would hide what was chosen in it.
  fold() {
    if (!this.wide.matches) this.details.open = false;
  }

  // Why there is nothing to search, in words for a person; null where there is something.
  whyNothing() {
    const standing = [...this.entries.values()].map((entry) => entry.asset.status);
    if (standing.includes("ready")) return null;
    if (standing.includes("processing")) {
      return ["Nothing to search yet", "The first recordings are being embedded; the library shows how far they are."];
    }
    const how = this.canAdd ? "Add recordings with the button, or drop files anywhere on this page." : "Nothing was added to it yet.";
    return ["The library is empty", how];
  }

  async tellFailed(assets) {
    for (const { asset_id, task_id } of assets.slice(0, LOOKED_AT)) {
      const task = (await this.bridge.callTool("get_task", { task_id })).structuredContent;
      const entry = this.entries.get(asset_id);
      if (task && entry) entry.failed(task.error);
    }
  }

  async sent(taskId, row) {
    this.begun.set(taskId, row);
    await this.reload();
  }

  // Looks at what is being embedded until all of it is done.
  watch() {
    clearTimeout(this.looking);
    const underWay = [...this.entries.values()].filter((entry) => entry.asset.status === "processing");
    const tasks = new Set([...this.begun.keys(), ...underWay.map((entry) => entry.asset.task_id)]);
    if (tasks.size) this.looking = setTimeout(() => this.look([...tasks].slice(0, LOOKED_AT)), LOOK_EVERY_MS);
  }

  async look(taskIds) {
    let isChanged = false;
    try {
      for (const task_id of taskIds) {
        const task = (await this.bridge.callTool("get_task", { task_id })).structuredContent;
        if (task && task.status === "processing") {
          const entry = this.entries.get(task.asset_id);
          if (!this.paces.has(task_id)) this.paces.set(task_id, new Pace());
          if (entry) entry.progressed(task, this.paces.get(task_id).of(task));
          continue;
        }
        isChanged = true;
        this.ended(task, this.begun.get(task_id));
        this.begun.delete(task_id);
        this.paces.delete(task_id);
      }
      if (isChanged) return await this.reload();
    } catch {
      // The server is away for a moment, or counts calls: look again.
    }
    return this.watch();
  }

  // What was sent from here is confirmed, whatever the list shows at the moment.
  ended(task, row) {
    if (task && task.status === "failed") return this.failed(task, row);
    if (task && row) {
      const action = { label: "Open", address: addressOf(task.asset_id) };
      this.notices.say(`“${task.title}” is in the library.`, { action });
    }
    return undefined;
  }

  // A file that could not be read is no recording, so the row it was sent in says why.
  failed({ asset_id, error }, row) {
    const entry = this.entries.get(asset_id);
    if (row) {
      this.part("sent").append(row.node);
      row.failed(error);
    } else if (entry) entry.failed(error);
  }

  // Deletes a recording once the time to take that back is over; until then, and if the page is closed, it is all there.
  remove({ asset_id, title }, onUndo) {
    this.deleted.add(asset_id);
    this.draw();
    const undo = () => {
      this.deleted.delete(asset_id);
      this.draw();
      onUndo();
    };
    const end = async () => {
      try {
        const removed = await this.bridge.callTool("remove_audio", { asset_id });
        if (removed.isError) throw new Error(reasonOf(removed));
        await this.reload();
      } catch (error) {
        this.tell(error);
        this.deleted.delete(asset_id);
        this.draw();
      }
    };
    this.notices.say(`“${title}” is deleted for good when this message goes.`, { action: { label: "Undo", act: undo }, onEnd: end });
  }
}

// How fast a task is, as times the speed of its sound, and how long it takes yet, from what it did since it was looked at first.
class Pace {
  of({ progress = 0, audio_seconds = 0 }) {
    const now = performance.now();
    if (this.first === undefined) this.first = { now, progress };
    const share = progress - this.first.progress;
    const passedMs = now - this.first.now;
    if (share < LEAST_SHARE || passedMs < LEAST_MS) return "";
    const speed = (share * audio_seconds * 1000) / passedMs;
    const left = `about ${lasting(((1 - progress) * passedMs) / share / 1000)} left`;
    return speed >= 1 ? `${Math.round(speed)} times as fast as it plays, ${left}` : left;
  }
}

// The day of a moment, with the year where it is not this one.
function dayOf(moment) {
  if (!moment) return "";
  const date = new Date(moment);
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return date.toLocaleDateString(undefined, { day: "numeric", month: "short", year });
}

// A recording in the list, and how far its embedding is.
class Entry {
  constructor(asset) {
    this.asset = asset;
    this.facts = element("span", { className: "facts" }, [dayOf(asset.added), asset.length, (asset.tags || []).join(", ")].filter(Boolean).join(" · "));
    const name = nameOf(asset);
    const title = element("span", { className: "title" }, name);
    this.link = element("a", { className: "entry", href: addressOf(asset.asset_id), title: name }, title, this.facts);
    this.node = element("li", {}, this.link);
    if (asset.status === "processing") this.progressed({ progress: 0, stage: "waiting" });
    this.node.classList.toggle("is-failed", asset.status === "failed");
  }

  failed(why) {
    this.facts.textContent = `failed: ${why || "see `soundbite tasks`"}`;
    this.facts.setAttribute("role", "alert");
  }

  marked(isOpen) {
    if (isOpen) this.link.setAttribute("aria-current", "page");
    else this.link.removeAttribute("aria-current");
  }

  progressed({ progress = 0, stage = "" }, pace = "") {
    if (!this.bar) {
      this.bar = element("progress", { max: 1, "aria-label": `Embedding ${nameOf(this.asset)}` });
      this.node.append(this.bar);
    }
    this.bar.value = progress;
    this.facts.textContent = [`${stage || "embedding"} ${Math.round(100 * progress)} %`, pace].filter(Boolean).join(" · ");
  }
}
