package doctor_test

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/doctor"
)

func sickBrokers() []sick {
	return []sick{
		{"broker", doctor.Danger, "no servers", func(w *world) { w.js, w.config.NoBroker = nil, errors.New("no servers") }},
		{"broker", doctor.Danger, "JetStream can't be used", func(w *world) { w.broker(func(options *server.Options) { options.JetStream = false }) }},
		{"broker-permissions", doctor.Danger, "may relay, but not publish to $JS.API.STREAM.MSG.GET.EVENTS", func(w *world) {
			w.user(nil, "events.>", "$JS.API.STREAM.INFO.*")
		}},
		{"broker-permissions", doctor.Danger, "may subscribe, but not publish to", func(w *world) { w.user(nil, "$JS.API.CONSUMER.MSG.NEXT.EVENTS.*") }},
		{"broker-permissions", doctor.Danger, "to receive _INBOX.>", func(w *world) { w.user([]string{"_INBOX.a.>"}, "events.>", "$JS.API.>") }},
		{"broker-permissions", doctor.Note, "may neither relay nor subscribe", func(w *world) { w.user(nil, "orders.>") }},
		{"broker-permissions", doctor.OK, "may relay, subscribe", func(w *world) { w.user(nil, "events.>", "$JS.API.>", "deadletters.>") }},
		{"broker-permissions", doctor.Note, "does not tell this user", func(w *world) { w.forbidden(userInfo) }},
		{"ack-subjects", doctor.Warning, "in one of the two forms only", func(w *world) { w.user(nil, "$JS.API.>", "$JS.ACK.EVENTS.>") }},
		{"ack-subjects", doctor.Danger, "may consume and not acknowledge", func(w *world) { w.user(nil, "$JS.API.>") }},
		{"ack-subjects", doctor.Danger, "may consume and not acknowledge", func(w *world) { w.user(nil, "$JS.API.>", "$JS.ACK.*.*.EVENTS.>") }},
		{"ack-subjects", doctor.Danger, "may consume and not acknowledge", func(w *world) {
			w.userOf(func(options *server.Options) {
				options.FeatureFlags = map[string]bool{server.FeatureFlagJsAckFormatV2: true}
			}, nil, "$JS.API.>", "$JS.ACK.EVENTS.>")
		}},
		{"ack-subjects", doctor.OK, "in both forms", func(w *world) { w.user(nil, "$JS.API.>", "$JS.ACK.EVENTS.>", "$JS.ACK.*.*.EVENTS.>") }},
		{"broker-clock", doctor.Danger, "the clock of the broker is", func(w *world) {
			w.stream(nil)
			w.config.Now = inAnHour
		}},
		{"broker-disk", doctor.Danger, "the account's streams is used up to 1 of 1", func(w *world) { w.limited() }},
		{"broker-disk", doctor.Danger, "the storage of server", func(w *world) {
			w.broker(w.monitored, func(options *server.Options) { options.JetStreamMaxStore = 4096 })
			w.create(jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}})
			for range 4 {
				_, err := w.js.Publish(w.Context(), "events.a.1.B", make([]byte, 980))
				require.NoError(w, err)
			}
		}},
		{"sync", doctor.Warning, "syncs to disk every 2m0s", func(w *world) { w.broker(w.monitored) }},
		{"payload", doctor.Warning, "the server takes messages of 64.0 KiB", func(w *world) { w.broker(func(options *server.Options) { options.MaxPayload = 64 << 10 }) }},
		{"payload", doctor.Warning, "(MaxMsgSize)", func(w *world) { w.stream(func(config *jetstream.StreamConfig) { config.MaxMsgSize = 1024 }) }},
	}
}

const userInfo = "$SYS.REQ.USER.INFO"

// user has the broker examined by a user that may publish to these subjects, and receive on those. There is a stream with a message.
func (w *world) user(receive []string, publish ...string) {
	w.Helper()
	w.userOf(func(*server.Options) {}, receive, publish...)
}

func (w *world) userOf(change func(*server.Options), receive []string, publish ...string) {
	w.Helper()
	bounds := &server.Permissions{Publish: &server.SubjectPermission{Allow: append(publish, userInfo)}}
	if receive != nil {
		bounds.Subscribe = &server.SubjectPermission{Deny: receive}
	}
	w.users(change, bounds)
}

// forbidden has the broker examined by a user that may publish to everything but these subjects.
func (w *world) forbidden(subjects ...string) {
	w.Helper()
	w.config.Timeout = time.Second
	w.users(func(*server.Options) {}, &server.Permissions{Publish: &server.SubjectPermission{Deny: subjects}})
}

func (w *world) users(change func(*server.Options), bounds *server.Permissions) {
	w.Helper()
	w.broker(func(options *server.Options) {
		options.Users = []*server.User{{Username: "all", Password: "all"}, {Username: "some", Password: "some", Permissions: bounds}}
		options.NoAuthUser = "all"
		change(options)
	})
	w.stream(nil)
	w.forged("events.a.1.B")
	w.connect(nats.UserInfo("some", "some"))
}

// limited has an account that may have one stream, and has it.
func (w *world) limited() {
	w.Helper()
	file := filepath.Join(w.TempDir(), "nats.conf")
	require.NoError(w, os.WriteFile(file, []byte(`accounts { APP { users: [{user: app, password: app}], jetstream: {max_streams: 1} } }`), 0o600))
	parsed, err := server.ProcessConfigFile(file)
	require.NoError(w, err)
	w.broker(func(options *server.Options) {
		options.Accounts, options.Users, options.NoAuthUser = parsed.Accounts, parsed.Users, "app"
	})
	w.stream(nil)
}
