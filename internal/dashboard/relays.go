package dashboard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/control"
)

// relayPages are those about relays.
func (d *Dashboard) relayPages() []page {
	return []page{
		{pattern: "/relays", section: "/relays", title: "Relays", template: "relays.html", every: 2 * time.Second, read: d.readRelays},
		{pattern: "/relays/{id}", section: "/relays", title: "Relay", template: "relay.html", every: 2 * time.Second, read: d.readRelay},
		{pattern: "/relays/{id}/dump", section: "/relays", title: "Goroutines", template: "relaydump.html", read: d.readDump},
	}
}

// relaysView is what the list of relays shows.
type relaysView struct {
	Streams []*relayedStream `json:"streams"`
}

// relayedStream is a stream, and who relays it.
type relayedStream struct {
	control.Stream

	Relays []relayLine       `json:"relays"` // the leader first
	Status *publisher.Status `json:"status"` // nil: it can't be read, or it is another stream than the dashboard's
	Error  string            `json:"error,omitempty"`
}

// relayLine is a relay and what it does.
type relayLine struct {
	control.Relay

	Does string `json:"does"` // in a word or two, as in "gone (leading)"
}

func (d *Dashboard) readRelays(ctx context.Context, _ *request) (any, error) {
	streams, err := control.Streams(ctx, d.pool, "")
	if err != nil {
		return nil, err
	}
	relays, err := control.List(ctx, d.pool, "")
	if err != nil {
		return nil, err
	}
	view := relaysView{Streams: relayedStreams(streams, relays)}
	for _, stream := range view.Streams {
		stream.read(ctx, d)
	}
	return view, nil
}

// relayedStreams puts each relay to its stream. One that was started a moment ago has none yet.
func relayedStreams(streams []control.Stream, relays []control.Relay) []*relayedStream {
	list := make([]*relayedStream, 0, len(streams))
	at := map[string]int{}
	add := func(stream control.Stream) {
		at[stream.Name] = len(list)
		list = append(list, &relayedStream{Stream: stream, Relays: []relayLine{}})
	}
	for _, stream := range streams {
		add(stream)
	}
	led := map[string]bool{}
	for _, relay := range relays {
		led[relay.Stream] = led[relay.Stream] || relay.Leads
	}
	for _, leads := range []bool{true, false} {
		for _, relay := range relays {
			if relay.Leads != leads {
				continue
			}
			if _, known := at[relay.Stream]; !known {
				add(control.Stream{Name: relay.Stream})
			}
			stream := list[at[relay.Stream]]
			stream.Relays = append(stream.Relays, relayLine{relay, doesWhat(relay, led[relay.Stream])})
		}
	}
	return list
}

// doesWhat is what a relay does, or did when it was last heard of. led tells whether the stream has a leader that the database knows: another
// relay that still counts as leading has died, or hangs.
func doesWhat(relay control.Relay, led bool) string {
	switch {
	case relay.Gone:
		return fmt.Sprintf("gone (%s)", relay.State)
	case led && !relay.Leads && relay.State == control.Leading:
		return "replaced"
	}
	return string(relay.State)
}

// lagCounted is how far a lag is counted one by one.
const lagCounted = 10_000

// read asks how far the stream is behind. Where the broker does not answer, the rest is told all the same.
func (s *relayedStream) read(ctx context.Context, d *Dashboard) {
	if s.Name != d.config.Stream {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	status, err := publisher.ReadStatusUpTo(ctx, d.pool, d.js, s.Name, lagCounted)
	if err != nil {
		s.Error = err.Error()
		return
	}
	s.Status = &status
}

// Standbys is how many relays could take over.
func (s *relayedStream) Standbys() int {
	standbys := 0
	for _, relay := range s.Relays {
		if relay.State == control.Standby && !relay.Gone {
			standbys++
		}
	}
	return standbys
}

// Advice is what to do about the stream; "" where nothing is wrong.
func (s *relayedStream) Advice() string {
	switch {
	case s.PausedAt != nil:
		return "Nothing is published until somebody resumes the stream; what is appended meanwhile waits in the store."
	case s.Leader == "" && len(s.Relays) == 0:
		return "No relay is running, so nothing is published. Start one: contrail relay"
	case s.Leader == "":
		return "No relay leads, so nothing is published. Resume one that is paused, or start another: contrail relay"
	case s.Standbys() == 0:
		return "No relay stands by: when the leader ends, nothing is published until another is started."
	}
	return ""
}

// errRelay says that a relay is not there in the words of the dashboard.
func errRelay(err error, id string) error {
	if errors.Is(err, control.ErrNotFound) {
		return errNotFound("relay " + id)
	}
	return err
}
