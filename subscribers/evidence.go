package subscribers

import (
	"context"
	"log/slog"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// evidence is what a reading knows, beside the checkpoint, to tell which events are new to the read model. It takes more than their positions
// where the relay has published events out of their order.
type evidence struct {
	// again is the checkpoint's position, if the stream is read from its beginning although there is a checkpoint, because the checkpoint's
	// sequence says nothing about this stream; otherwise zero.
	again contrail.Position

	// The checkpoint's position, and the stream's last sequence, when the projection began to read. What had been repaired by then was missing in
	// its place: so an event above begin, whose repair stands at or below end, has not been projected.
	begin contrail.Position
	end   uint64

	// How often the read model was rebuilt, and up to where it was built from the store last: of the events up to there, those in gaps are not in
	// it, and all others are. That is exact, whatever the messages say.
	rebuilds int64
	rebuilt  contrail.Position
	gaps     map[contrail.Position]bool
}

// isNew tells whether an event has yet to be projected, given how far the projection is.
//
// A requeued one has never been in the stream before, so that it is new wherever it is read behind the checkpoint. A repaired one was in the
// stream, perhaps, and was projected before it got lost: it is new only if there is evidence. When the stream is read again from its beginning
// no sequence tells which of them were read before, so that they count as projected like everything else up to the checkpoint.
func (e evidence) isNew(message wire.Message, sequence uint64, at checkpoint) bool {
	if message.Position <= e.rebuilt {
		return e.gaps[message.Position]
	}
	switch message.Resent {
	case wire.ResentRequeue:
		return e.isBehind(at)
	case wire.ResentRepair:
		return message.Position > e.begin && sequence <= e.end
	}
	return message.Position > at.position
}

// isBehind tells whether what is read next is behind the checkpoint in the stream, too.
func (e evidence) isBehind(at checkpoint) bool { return e.again == 0 || at.position > e.again }

// after is the checkpoint behind a message. One out of its order moves the sequence; and the position only as far as the events that stand in
// front of it in their order, of which there may be more than the projection's filter has let through. One that fills a gap before the checkpoint
// leaves that where it is.
func (e evidence) after(message wire.Message, sequence uint64, at checkpoint, fresh bool) checkpoint {
	switch {
	case message.Resent != "":
		if message.After >= at.position && (fresh || e.isBehind(at)) {
			return checkpoint{position: message.After, sequence: sequence}
		}
	case fresh && message.Position > at.position:
		return checkpoint{position: message.Position, sequence: sequence}
	}
	return at
}

// late is an event that was published out of its order.
type late struct {
	position contrail.Position
	stream   contrail.StreamID
	resent   string
	sequence uint64
}

// tellLeftOut warns of events that may be missing from the read model, once the checkpoint has passed them.
func (r *reading) tellLeftOut(ctx context.Context, s stretch) {
	for _, event := range s.leftOut {
		attrs := []slog.Attr{
			slog.String("projection", r.projection), slog.String("resent", event.resent), slog.Int64("position", int64(event.position)),
			slog.String("event_stream", event.stream.String()), slog.Uint64("sequence", event.sequence),
		}
		if event.position <= r.evidence.rebuilt {
			r.logger.LogAttrs(ctx, slog.LevelDebug, "an event was published again, and is in the read model since that was rebuilt", attrs...)
			continue
		}
		r.logger.LogAttrs(ctx, slog.LevelWarn, "an event was published out of its order, and the projection can't know whether it was projected before; "+
			"it is left out. Is it missing from the read model, rebuild that: contrail projections rebuild", attrs...)
	}
}
