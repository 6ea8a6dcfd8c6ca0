// The player in an agent host: shows the result of the search that its model made.

class HostPage {
  constructor(bridge) {
    this.bridge = bridge;
    this.results = new Results(bridge, { address: () => "", more: (clip) => this.more(clip) });
  }

  start() {
    return this.bridge.connect({
      onWaiting: ({ query, like }) => this.waiting(query ? `for “${query}”` : like ? `for what is like ${like}` : ""),
      onResult: (result) => this.results.show(result),
      onCancelled: (reason) => this.cancelled(reason),
      onTheme: (context) => this.dress(context),
    });
  }

  waiting(what) {
    this.results.clear();
    this.results.say(`Searching ${what}…`);
  }

  async more({ clip_id, title }) {
    this.waiting(`for what is like ${title}`);
    try {
      this.results.show(await this.bridge.callTool("search_clips", { like: clip_id, top_k: 10 }));
    } catch (error) {
      this.results.say(error.message, true);
    }
  }

  cancelled(reason) {
    this.results.playback.stop();
    if (!this.results.rows.size) this.results.say(reason ? `The search was stopped: ${reason}` : "The search was stopped.");
  }

  dress({ theme, styles }) {
    const root = document.documentElement;
    if (theme === "light" || theme === "dark") root.style.colorScheme = theme;
    for (const [name, value] of Object.entries((styles && styles.variables) || {})) {
      if (name.startsWith("--") && value) root.style.setProperty(name, value);
    }
  }
}

new HostPage(new HostBridge()).start();
