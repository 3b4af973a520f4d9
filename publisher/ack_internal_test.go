package publisher

import (
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
)

func TestParseAck(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]uint64{
		`{"stream":"EVENTS","seq":123}`:                                    123,
		`{"stream":"EVENTS","seq":18446744073709551615}`:                   18446744073709551615,
		`{"stream":"EVENTS","seq":123,"duplicate": true}`:                  123,
		`{"stream":"EVENTS","domain":"hub","seq":123}`:                     123,
		`{"stream":"EVENTS","domain":"hub","seq":123,"duplicate": true}`:   123,
		`{"stream":"EVENTS", "seq":123}`:                                   123,
		`{"seq":123,"stream":"EVENTS","batch":"x","count":3}`:              123,
		`{"stream":"EVENTS","domain":"h\"ub","seq":123,"duplicate":false}`: 123,
	} {
		got, err := parseAck([]byte(data), "EVENTS")
		require.NoError(t, err, data)
		require.Equal(t, want, got, data)
	}
	for data, want := range map[string]string{
		``:                              "invalid jetstream publish response",
		`no json`:                       `"no json"`,
		`{}`:                            "invalid jetstream publish response",
		`{"stream":"EVENTS"}`:           "invalid jetstream publish response",
		`{"stream":"EVENTS","seq":}`:    "invalid jetstream publish response",
		`{"stream":"EVENTS","seq":0}`:   "invalid jetstream publish response",
		`{"stream":"EVENTS","seq":01}`:  "invalid jetstream publish response",
		`{"stream":"EVENTS","seq":1`:    "invalid jetstream publish response",
		`{"stream":"EVENTS","seq":1}}`:  "invalid jetstream publish response",
		`{"stream":"EVENTS","seq":-1}`:  "invalid jetstream publish response",
		`{"stream":"","seq":1}`:         "invalid jetstream publish response",
		`{"stream":"EVENTS2","seq":7}`:  "stream EVENTS2 has taken it, as message 7, instead of stream EVENTS",
		`{"stream":"EVENT","seq":7}`:    "stream EVENT has taken it",
		`{"stream":"EVENTS","seq":1e3}`: "invalid jetstream publish response",
		`{"stream":"EVENTS","seq":18446744073709551616}`: "invalid jetstream publish response",
	} {
		_, err := parseAck([]byte(data), "EVENTS")
		require.ErrorContains(t, err, want, data)
	}
}

// A refusal stays what it is for everybody who asks.
func TestParseAckOfARefusal(t *testing.T) {
	t.Parallel()
	_, err := parseAck([]byte(`{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 4"},"stream":"EVENTS","seq":0}`), "EVENTS")
	require.True(t, isFenced(err))
	_, err = parseAck([]byte(`{"error":{"code":400,"err_code":10054,"description":"message size exceeds maximum allowed"},"stream":"EVENTS","seq":0}`), "EVENTS")
	require.EqualValues(t, "message_too_large", refusalReason(err))
	_, err = parseAck([]byte(`{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"EVENTS","seq":0}`), "EVENTS")
	require.ErrorContains(t, err, "maximum bytes exceeded")
	require.Empty(t, refusalReason(err))
}

// What is read byte by byte reads as JSON does.
func FuzzParseAck(f *testing.F) {
	f.Add(`{"stream":"EVENTS","seq":123}`, "EVENTS")
	f.Add(`{"stream":"EVENTS","domain":"hub","seq":123,"duplicate": true}`, "EVENTS")
	f.Add(`{"stream":"EVENTS","domain":"h\u0075b","seq":0123}`, "EVENTS")
	f.Add(`{"stream":"EVENTS","domain":"a","seq":1,"domain":"b","seq":2}`, "EVENTS")
	f.Add(`{"stream":"EVENTS","seq":1,"error":{"code":400}}`, "EVENTS")
	f.Fuzz(func(t *testing.T, data, stream string) {
		if strings.ContainsFunc(stream, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) || stream == "" {
			t.Skip("not the name of a stream")
		}
		sequence, ok := parseUsualAck([]byte(data), stream)
		again, err := parseAnyAck([]byte(data), stream)
		if ok && (err != nil || sequence != again) {
			t.Errorf("%q reads as %d, and as JSON as %d, %v", data, sequence, again, err)
		}
	})
}

// The server's acknowledgements are the usual ones: what nearly all of them look like is not left to JSON.
func TestUsualAcksAreWhatTheServerSends(t *testing.T) {
	t.Parallel()
	for _, domain := range []string{"", "hub"} {
		started := natstest.Start(t, func(options *server.Options) { options.JetStreamDomain = domain })
		js, err := jetstream.New(natstest.Connect(t, started.URL()))
		require.NoError(t, err)
		_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}})
		require.NoError(t, err)
		for range 2 { // the second one is a duplicate
			msg := &nats.Msg{Subject: "events.a", Header: nats.Header{jetstream.MsgIDHeader: {"one"}}}
			reply, err := js.Conn().RequestMsgWithContext(t.Context(), msg)
			require.NoError(t, err)
			require.Contains(t, string(reply.Data), domain)
			sequence, ok := parseUsualAck(reply.Data, "EVENTS")
			require.True(t, ok, string(reply.Data))
			require.EqualValues(t, 1, sequence)
		}
	}
}
