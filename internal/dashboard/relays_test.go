package dashboard_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// relaysPage is the JSON form of the list.
type relaysPage struct {
	Streams []struct {
		Stream   string `json:"stream"`
		Leader   string `json:"leader"`
		PausedBy string `json:"paused_by"`
		Relays   []struct {
			ID       string `json:"id"`
			Identity string `json:"identity"`
			Does     string `json:"does"`
		} `json:"relays"`
		Status *struct {
			LagEvents int64 `json:"lag_events"`
		} `json:"status"`
	} `json:"streams"`
}

func (w *world) relayList() (page relaysPage) {
	w.Helper()
	w.json("/relays", &page)
	return page
}

func TestNoRelay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Contains(t, w.page("/relays"), "No stream is relayed yet.")
	w.exec(`INSERT INTO contrail.relays (stream) VALUES ('EVENTS')`)
	require.Contains(t, w.page("/relays"), "No relay is running, so nothing is published.")
	require.Equal(t, http.StatusNotFound, w.get("/relays/x").StatusCode)
	require.Equal(t, http.StatusNotFound, w.get("/relays/019200d0-0000-7000-8000-000000000001").StatusCode)
	require.Contains(t, w.act("/relays/streams/OTHER/pause").Error, "there is no stream OTHER")
}

func TestRelaysAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.relays()
	stream := w.relayList().Streams[0]
	require.Equal(t, "EVENTS", stream.Stream)
	require.NotNil(t, stream.Status)
	require.Equal(t, stream.Leader, stream.Relays[0].Identity, "the leader comes first")
	w.eventually(func() bool {
		relays := w.relayList().Streams[0].Relays
		return relays[0].Does == "leading" && relays[1].Does == "standby"
	})
	text := w.page("/relays/" + stream.Relays[0].ID)
	for _, part := range []string{"Relay " + stream.Leader, "ack_timeout", "never dumped", "Goroutines"} {
		require.Contains(t, text, part)
	}
}

// Each order says what has come of it.
func TestOrdersToRelays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.relays()
	leader := w.relayList().Streams[0].Relays[0]
	told := w.act("/relays/" + leader.ID + "/pause")
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Equal(t, "relay "+leader.Identity+" is paused", told.Results[0].Detail)
	require.Contains(t, w.page("/relays/"+leader.ID), "It is paused until somebody resumes it")
	w.eventually(func() bool { return w.relayList().Streams[0].Leader != leader.Identity })
	require.Equal(t, "done", w.act("/relays/"+leader.ID+"/resume").Outcome)

	require.Contains(t, w.page("/relays/"+leader.ID+"/dump"), "This relay has never dumped its goroutines.")
	told = w.act("/relays/" + leader.ID + "/dump")
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Contains(t, w.page("/relays/"+leader.ID+"/dump"), "goroutine ")

	told = w.act("/relays/" + leader.ID + "/remove")
	require.Equal(t, "refused", told.Outcome)
	require.Contains(t, told.Results[0].Detail, "stop it instead")

	told = w.act("/relays/" + leader.ID + "/stop")
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Equal(t, http.StatusNotFound, w.get("/relays/"+leader.ID).StatusCode)
	require.Contains(t, w.act("/relays/"+leader.ID+"/stop").Error, "there is no relay")
}

func TestPauseAStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.relays()
	told := w.act("/relays/streams/EVENTS/pause", "reason", "the broker moves house")
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Contains(t, told.Results[0].Detail, "by local@dashboard")
	text := w.page("/relays")
	require.Contains(t, text, "by <bdi>local@dashboard</bdi>: <bdi>the broker moves house</bdi>.")
	require.Contains(t, text, "Nothing is published until somebody resumes the stream")
	require.Contains(t, w.page("/relays/"+w.relayList().Streams[0].Relays[0].ID), "Its stream is paused: resume the stream.")
	told = w.act("/relays/streams/EVENTS/resume")
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Regexp(t, "is resumed; relay relay-[12] leads", told.Results[0].Detail)
	require.Equal(t, "stream.resume stream EVENTS", value[string](w, `SELECT action || ' ' || target FROM contrail.audit ORDER BY id DESC LIMIT 1`))
}

// A relay whose process has died: its order is pending, and it can be removed.
func TestARelayThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const id = "019200d0-0000-7000-8000-000000000001"
	w.exec(`INSERT INTO contrail.relays (stream) VALUES ('EVENTS')`,
		`INSERT INTO contrail.relay_processes (id, relay, identity, host, pid, state, beat_at) VALUES ('`+id+`', 'EVENTS', 'host-9:1', 'host-9', 1, 'standby', now() - interval '1 min')`)
	text := w.page("/relays/" + id)
	require.Contains(t, text, "gone (standby)")
	require.Contains(t, text, "Its process has died, hangs, or can&#39;t reach the database.")
	told := w.act("/relays/" + id + "/pause")
	require.Equal(t, "done", told.Outcome)
	require.Equal(t, "pending", told.Results[0].Outcome)
	require.Contains(t, told.Results[0].Detail, "it was told so, and will heed it when it can")
	told = w.act("/relays/" + id + "/dump")
	require.Equal(t, "refused", told.Outcome)
	require.Contains(t, told.Results[0].Detail, "it was told to pause and has not taken that yet")
	require.Equal(t, "done", w.act("/relays/"+id+"/remove").Outcome)
	require.Empty(t, w.relayList().Streams[0].Relays)
}
