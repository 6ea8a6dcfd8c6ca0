// What a recording is called and how it is sorted, and what can be done with the whole of it.

class Details {
  // `can` has canChange, canRemove, and erase(part) where that can be done.
  constructor(view, { canChange, canRemove, erase }) {
    this.view = view;
    this.page = view.page;
    this.facts = view.facts;
    this.canChange = canChange;
    this.heading = element("h2", { tabIndex: -1, className: "title" }, this.facts.title);
    this.tags = element("ul", { className: "tags", "aria-label": "Tags" });
    this.node = element("div", { className: "details" }, this.title(), element("p", { className: "facts" }, this.about()),
      element("div", { className: "sorted" }, this.tags, this.actions(canRemove, erase)));
    this.drawTags();
  }

  about() {
    const { audio_seconds, added, language, source, status } = this.facts;
    const day = new Date(added).toLocaleDateString(undefined, { day: "numeric", month: "long", year: "numeric" });
    const name = source.split(/[/\\]/).pop();
    return [lengthClock(audio_seconds), `added ${day}`, language && language !== "en" ? language : "", name, status === "ready" ? "" : status].filter(Boolean).join(" · ");
  }

  title() {
    const row = element("div", { className: "heading" }, this.heading);
    if (!this.canChange) return row;
    const rename = element("button", { type: "button", className: "plain" }, "Rename");
    rename.addEventListener("click", () => {
      const field = element("input", { value: this.facts.title, maxLength: 200, required: true, "aria-label": "Title" });
      this.form(row, field, rename, async () => {
        const { title } = await this.change({ title: field.value.trim() });
        this.facts.title = this.heading.textContent = title;
        document.title = `${title} · Soundbite`;
      });
    });
    row.append(rename);
    return row;
  }

  // A field in place of what it changes; `opener` gets the focus back.
  form(place, field, opener, save) {
    const cancel = element("button", { type: "button", className: "plain" }, "Cancel");
    const form = element("form", {}, field, element("button", {}, "Save"), cancel);
    const before = [...place.childNodes];
    const close = () => {
      place.replaceChildren(...before);
      opener.focus();
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await save();
        close();
      } catch (error) {
        this.page.notices.say(error.message, { isError: true });
      }
    });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      close();
    });
    cancel.addEventListener("click", close);
    place.replaceChildren(form);
    field.focus();
    if (field.select) field.select();
  }

  async change(changes) {
    const answer = await this.page.bridge.ask(`recordings/${encodeURIComponent(this.facts.asset_id)}`, changes);
    this.page.changed();
    return answer;
  }

  drawTags() {
    const chips = this.facts.tags.map((tag) => {
      const chip = element("li", {}, element("a", { href: searchAddress({ tags: tag }), title: `Recordings with the tag ${tag}` }, tag));
      if (this.canChange) {
        chip.append(element("button", { type: "button", className: "plain", "aria-label": `Take the tag ${tag} away`, onclick: () => this.tag(this.facts.tags.filter((other) => other !== tag)) }, "×"));
      }
      return chip;
    });
    this.tags.replaceChildren(...chips);
    this.tags.hidden = !chips.length && !this.canChange;
    if (!this.canChange) return;
    const field = element("input", { maxLength: 50, placeholder: "Add a tag", "aria-label": "Add a tag", size: 10, autocomplete: "off" });
    const form = element("form", {}, field);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (field.value.trim()) this.tag([...this.facts.tags, field.value.trim()], true);
    });
    this.tags.append(element("li", {}, form));
  }

  async tag(tags, goesOn = false) {
    try {
      this.facts.tags = (await this.change({ tags })).tags;
      this.drawTags();
      const field = this.tags.querySelector("input");
      if (field) field.focus();
      if (!goesOn && field) field.blur();
    } catch (error) {
      this.page.notices.say(error.message, { isError: true });
    }
  }

  actions(canRemove, erase) {
    const { sound, transcripts, asset_id } = this.facts;
    const saves = [...(sound.url ? [[`${sound.url}?save`, "Sound"]] : []), ...Object.entries(transcripts).map(([name, address]) => [address, FILES[name]])];
    const list = element("ul", {}, ...saves.map(([href, label]) => element("li", {}, element("a", { href, download: "" }, label))));
    const save = element("details", { className: "saves", hidden: !saves.length }, element("summary", {}, "Save"), list);
    const copy = element("button", { type: "button", className: "plain", onclick: () => this.copy() }, "Copy link");
    const like = element("a", { href: searchAddress({ like: asset_id }) }, "More like this");
    const remove = element("button", { type: "button", className: "plain danger", onclick: () => this.remove() }, "Delete");
    const part = element("button", { type: "button", className: "plain", onclick: () => erase(this.view.part) }, "Erase a part");
    return element("div", { className: "actions" }, save, copy, like, ...(erase ? [part] : []), ...(canRemove ? [remove] : []));
  }

  async copy() {
    this.view.address();
    try {
      await navigator.clipboard.writeText(location.href);
      this.page.notices.say(`Copied the address of ${clock(this.view.seconds)}.`);
    } catch {
      this.page.notices.say(`The address is ${location.href}`);
    }
  }

  remove() {
    const { facts, page } = this;
    const address = location.hash;
    page.go(page.back());
    page.library.remove(facts, () => page.go(address));
  }

  nameSpeaker(item, name) {
    const field = element("input", { value: /^Speaker \d+$/.test(name) ? "" : name, maxLength: 60, required: true, size: 14, placeholder: name, "aria-label": `Name of ${name}` });
    this.form(item, field, item.querySelector("button"), () => this.call("name_speaker", { asset_id: this.facts.asset_id, speaker: name, name: field.value.trim() }));
  }

  // Calls a tool that changes the words or speakers, and shows the recording anew; its result, or null where it could not be done.
  async call(tool, args) {
    try {
      const result = await this.page.bridge.callTool(tool, args);
      if (result.isError) throw new Error(reasonOf(result));
      await this.view.again();
      return result;
    } catch (error) {
      this.page.notices.say(error.message, { isError: true });
      return null;
    }
  }
}
