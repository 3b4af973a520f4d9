package doctor_test

import "github.com/contrail-events/contrail/internal/doctor"

func sickEvents() []sick {
	return []sick{
		{"schema", doctor.Danger, "events_type_valid", func(w *world) { w.exec(`ALTER TABLE contrail.events DROP CONSTRAINT events_type_valid`) }},
		{"schema", doctor.Danger, "function horizon()", func(w *world) {
			w.exec(`CREATE OR REPLACE FUNCTION contrail.horizon() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'`)
		}},
		{"triggers", doctor.Danger, "trigger events_promise is disabled", func(w *world) { w.exec(`ALTER TABLE contrail.events DISABLE TRIGGER events_promise`) }},
		{"triggers", doctor.Danger, "trigger events_promise does not fire in every session", func(w *world) { w.exec(`ALTER TABLE contrail.events ENABLE TRIGGER events_promise`) }},
		{"triggers", doctor.Danger, "trigger events_append_only is missing", func(w *world) { w.exec(`DROP TRIGGER events_append_only ON contrail.events`) }},
		{"sequence", doctor.Danger, "CACHE 20", func(w *world) { w.exec(`ALTER SEQUENCE contrail.events_position_seq CACHE 20`) }},
		{"sequence", doctor.Danger, "stands at 1, below the newest event, 2", func(w *world) {
			w.exec(insertEvent, insertEvent, `SELECT setval('contrail.events_position_seq', 1)`)
		}},
		{"appenders", doctor.Danger, "and idle in its transaction", func(w *world) {
			w.config.Limits.Appender = 1
			w.appends()
		}},
		{"lag", doctor.Danger, "the event at position 1 waits to be published", func(w *world) {
			w.config.Limits.Lag = 1
			w.exec(insertEvent)
		}},
	}
}
