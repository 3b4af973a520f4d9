package telemetry

import (
	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/publisher/control"
	"github.com/contrail-events/contrail/publisher/parked"
)

// stateGone is that of a relay that does not beat, whatever it did last.
const stateGone = "gone"

func relayStates() []string {
	return []string{string(control.Leading), string(control.Standby), string(control.Paused), string(control.Stopping), stateGone}
}

func relayFigures() []figure {
	return []figure{
		{"contrail.parked.waiting", unitEvents, "Events that were left out of the stream and wait, by what for.", sum, parkedFigure},
		{"contrail.relays", "", "Relays, by what they do.", sum, relaysFigure},
		{"contrail.stream.paused", "", "1 if a person has paused the stream, else 0.", most, func(p picture.Picture, _ string, tell teller) {
			for _, one := range p.Streams {
				tell(truth(one.PausedAt != nil), stream(one.Name))
			}
		}},
	}
}

func parkedFigure(p picture.Picture, of string, tell teller) {
	if p.Parked == nil {
		return
	}
	for _, one := range []parked.State{parked.Parked, parked.Held, parked.Requeued} {
		tell(float64(p.Parked[one].N), stream(of), state(string(one)))
	}
}

// relaysFigure tells every state of every stream: that there is no leader is a zero, not a gap.
func relaysFigure(p picture.Picture, of string, tell teller) {
	if p.Relays == nil {
		return
	}
	streams := map[string]bool{of: true}
	for _, one := range p.Streams {
		streams[one.Name] = true
	}
	for _, one := range p.Relays {
		streams[one.Stream] = true
		does := string(one.State)
		if one.Gone {
			does = stateGone
		}
		tell(1, stream(one.Stream), state(does))
	}
	for name := range streams {
		for _, does := range relayStates() {
			tell(0, stream(name), state(does))
		}
	}
}
