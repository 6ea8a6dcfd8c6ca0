BEGIN TRANSACTION;
CREATE TABLE assets (
        asset_id TEXT PRIMARY KEY, content_hash TEXT NOT NULL, title TEXT NOT NULL, source_uri TEXT NOT NULL,
        source_kind TEXT NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        duration_sec REAL NOT NULL, tags TEXT NOT NULL, metadata_json TEXT NOT NULL, created_at TEXT NOT NULL
    , language TEXT) STRICT;
INSERT INTO "assets" VALUES('a_1','a_1','Talk a_1','/talks/a_1.wav','file',10,1,60.0,'["talk"]','{}','2026-01-01T00:00:00+00:00',NULL);
INSERT INTO "assets" VALUES('a_2','a_2','Talk a_2','/talks/a_2.wav','file',10,1,60.0,'["talk"]','{}','2026-01-01T00:00:00+00:00',NULL);
INSERT INTO "assets" VALUES('a_3','a_3','Talk a_3','/talks/a_3.wav','file',10,1,60.0,'["talk"]','{}','2026-01-01T00:00:00+00:00',NULL);
CREATE TABLE corrections (
        correction_id INTEGER PRIMARY KEY, asset_id TEXT NOT NULL, content_hash TEXT NOT NULL, kind TEXT NOT NULL,
        start_sec REAL NOT NULL, end_sec REAL NOT NULL, old_text TEXT NOT NULL, new_text TEXT NOT NULL,
        words BLOB NOT NULL, created_at TEXT NOT NULL, undone_at TEXT
    ) STRICT;
CREATE TABLE doubts (
        asset_id TEXT NOT NULL, source TEXT NOT NULL, start_sec REAL NOT NULL, word TEXT NOT NULL
    ) STRICT;
CREATE TABLE envelopes (
        asset_id TEXT PRIMARY KEY, content_hash TEXT NOT NULL, duration_sec REAL NOT NULL, peaks BLOB NOT NULL
    ) STRICT;
CREATE TABLE platform_assets (
        platform TEXT NOT NULL, content_hash TEXT NOT NULL, platform_asset_id TEXT NOT NULL,
        created_at TEXT NOT NULL, PRIMARY KEY (platform, content_hash)
    ) STRICT;
CREATE TABLE query_cache (
        space TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL,
        used_at INTEGER NOT NULL, PRIMARY KEY (space, kind, text)
    ) STRICT;
CREATE TABLE rewrites (rewrite_id INTEGER PRIMARY KEY, asset_id TEXT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE speaker_names (
        asset_id TEXT NOT NULL, source TEXT NOT NULL, speaker TEXT NOT NULL, name TEXT NOT NULL,
        spans TEXT NOT NULL, from_sec REAL NOT NULL, until_sec REAL NOT NULL
    ) STRICT;
CREATE TABLE speakers (
        asset_id TEXT NOT NULL, source TEXT NOT NULL, speaker TEXT NOT NULL, seconds REAL NOT NULL, first_sec REAL NOT NULL DEFAULT 0,
        PRIMARY KEY (asset_id, source, speaker)
    ) STRICT;
INSERT INTO "speakers" VALUES('a_1','embedded','2',1.0,0.5);
CREATE TABLE tasks (
        task_id TEXT PRIMARY KEY, asset_id TEXT NOT NULL, status TEXT NOT NULL, stage TEXT NOT NULL,
        progress REAL NOT NULL, params_json TEXT NOT NULL, space TEXT NOT NULL, platform TEXT NOT NULL,
        platform_asset_id TEXT NOT NULL, platform_task_id TEXT NOT NULL, error_code TEXT NOT NULL,
        error_message TEXT NOT NULL, error_hint TEXT NOT NULL, seconds_embedded REAL NOT NULL,
        seconds_saved REAL NOT NULL, counts_json TEXT NOT NULL, notes_json TEXT NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL, finished_at TEXT
    , renewal_json TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO "tasks" VALUES('t_5d51ce7e6115b36b','a_1','ready','',0.0,'{}','old','embedded','','','','','',0.0,0.0,'{}','[]','2026-11-29T06:25:48.409537+00:00','2026-11-29T06:25:48.410131+00:00','2026-11-29T06:25:48.410131+00:00','');
INSERT INTO "tasks" VALUES('t_88721806c80ef923','a_1','ready','',0.0,'{}','new','embedded','','','','','',0.0,0.0,'{}','[]','2026-11-29T06:25:48.410682+00:00','2026-11-29T06:25:48.411056+00:00','2026-11-29T06:25:48.411056+00:00','');
INSERT INTO "tasks" VALUES('t_a65de7aba51a9424','a_2','ready','',0.0,'{}','old','embedded','','','','','',0.0,0.0,'{}','[]','2026-11-29T06:25:48.411428+00:00','2026-11-29T06:25:48.411779+00:00','2026-11-29T06:25:48.411779+00:00','');
INSERT INTO "tasks" VALUES('t_08b5aeefffcfdc40','a_3','failed','',0.0,'{}','old','embedded','','','','','',0.0,0.0,'{}','[]','2026-11-29T06:25:48.412077+00:00','2026-11-29T06:25:48.412391+00:00','2026-11-29T06:25:48.412391+00:00','');
INSERT INTO "tasks" VALUES('t_d9d936934dd30dd2','a_3','processing','',0.0,'{}','','embedded','','','','','',0.0,0.0,'{}','[]','2026-11-29T06:25:48.412695+00:00','2026-11-29T06:25:48.412695+00:00',NULL,'');
CREATE TABLE transcripts (
        asset_id TEXT NOT NULL, source TEXT NOT NULL, start_sec REAL NOT NULL, end_sec REAL NOT NULL,
        body BLOB NOT NULL, PRIMARY KEY (asset_id, source)
    ) STRICT;
INSERT INTO "transcripts" VALUES('a_1','embedded',0.0,2.0,X'789CAB562ACF2F4A2956B252888E56CA48CDC9C957D25130D033D5513004114A464AB1B140AA3835AF24352F3915BFC25A00621C150A');
CREATE TABLE usage (
        day TEXT NOT NULL, platform TEXT NOT NULL, seconds_embedded REAL NOT NULL, seconds_saved REAL NOT NULL,
        PRIMARY KEY (day, platform)
    ) STRICT;
CREATE INDEX assets_by_hash ON assets (content_hash);
CREATE INDEX assets_by_source ON assets (source_uri);
CREATE INDEX tasks_by_status ON tasks (status, created_at);
CREATE INDEX tasks_by_asset ON tasks (asset_id);
CREATE INDEX tasks_by_platform_task ON tasks (platform_task_id);
CREATE INDEX query_cache_by_use ON query_cache (used_at);
CREATE INDEX tasks_ready_by_space ON tasks (space, asset_id) WHERE status = 'ready';
CREATE INDEX speaker_names_by_asset ON speaker_names (asset_id);
CREATE INDEX assets_by_age ON assets (created_at DESC, asset_id);
CREATE INDEX corrections_by_asset ON corrections (asset_id);
CREATE INDEX doubts_by_time ON doubts (asset_id, source, start_sec);
COMMIT;
PRAGMA user_version = 9;
