-- The relays that run, what they have done, and what they are told to do.

-- +goose Up

-- One row for each relay, leader and standby, written by itself every few seconds with synchronous_commit = off, and deleted when it ends. A
-- row whose beat_at is old is that of a process that has died, or hangs; another relay deletes it after a day. A relay that finds its row
-- deleted stops.
CREATE TABLE contrail.relay_processes (
  id           uuid             PRIMARY KEY,             -- of this run
  relay        text             NOT NULL,                -- the JetStream stream: contrail.relays.stream
  identity     text             NOT NULL,                -- host:pid, or what the relay was called
  host         text             NOT NULL,
  pid          integer          NOT NULL,
  version      text             NOT NULL DEFAULT '',     -- of the program
  settings     jsonb            NOT NULL DEFAULT '{}',
  state        text             NOT NULL,                -- leading, standby, paused or stopping
  started_at   timestamptz      NOT NULL DEFAULT now(),
  beat_at      timestamptz      NOT NULL DEFAULT now(),
  command      text,                                     -- pause, resume, stop or dump; null once it is heeded
  command_by   text             NOT NULL DEFAULT '',
  dump         text,                                     -- the stacks of its goroutines, when it was last told to dump them
  dumped_at    timestamptz,
  published    bigint           NOT NULL DEFAULT 0,      -- events, since it started
  parked       bigint           NOT NULL DEFAULT 0,      -- events left out, since it started
  retried      bigint           NOT NULL DEFAULT 0,      -- times that it had to begin again after an error, since it started
  rate         double precision NOT NULL DEFAULT 0,      -- events published per second, between the last two beats
  latency      double precision NOT NULL DEFAULT 0,      -- seconds from appended to acknowledged, of the last event published
  lag_events   bigint           NOT NULL DEFAULT 0,      -- settled positions that are not published, gaps included
  lag_seconds  double precision NOT NULL DEFAULT 0,      -- age of the first of these that it knows; 0 without lag
  cpu          double precision NOT NULL DEFAULT 0,      -- cores in use, between the last two beats
  rss          bigint           NOT NULL DEFAULT 0,      -- bytes of resident memory
  database_rtt double precision NOT NULL DEFAULT 0,      -- seconds that the last beat took
  broker_rtt   double precision NOT NULL DEFAULT 0,      -- seconds; 0 while the broker can't be reached
  last_error   text             NOT NULL DEFAULT ''      -- of the last retry; stays after it has helped
) WITH (fillfactor = 50);                                -- a few hot rows: leave room for updates in place

-- +goose Down
SELECT contrail.drop_empty('contrail.relay_processes');
