package deadletters

import (
	"context"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers"
)

// Discard decides that events shall not be handled, and needs to know who decides so, and why. The letters and their payloads are deleted;
// that they were there, what became of them and the decision is kept as long as dead letters are, on a message without a payload.
//
// It works while it is ranged over, as [Requeue] does.
func Discard(ctx context.Context, js jetstream.JetStream, which Selection, by Decision) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		b, err := begin(ctx, js, which, by.validate(true))
		if err != nil {
			yield(Outcome{}, fmt.Errorf("discard dead letters: %w", err))
			return
		}
		do := func(ctx context.Context, letter Letter) (Outcome, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime) // what is begun is finished
			defer cancel()
			return b.discard(ctx, letter, by)
		}
		deciding{verb: "discard", which: which, do: do}.run(ctx, b)(yield)
	}
}

func (b broker) discard(ctx context.Context, letter Letter, by Decision) (Outcome, error) {
	ack, err := b.publish(ctx, record(letter, by))
	if err != nil {
		return failed(letter, "could not be discarded", err)
	}
	if err := b.remove(ctx, letter.ID); err != nil {
		return failed(letter, "is noted as discarded, but stays a dead letter as well", err)
	}
	told := outcome(letter, ResultDiscarded, "is discarded")
	told.Sequence = ack.Sequence
	return told, nil
}

const maxRecordBytes = 4 << 10 // of a header

// record is what remains of a letter. Its id is the same for each try to discard the same letter.
func record(letter Letter, by Decision) *nats.Msg {
	header := nats.Header{}
	for _, name := range recorded() {
		if value := letter.raw.Get(name); value != "" && len(value) <= maxRecordBytes {
			header.Set(name, value)
		}
	}
	by.write(header, HeaderDiscardedBy, HeaderDiscardedBecause)
	header.Set(jetstream.MsgIDHeader, fmt.Sprintf("discard/%d", letter.ID))
	return &nats.Msg{Subject: discardedSubject(letter), Header: header}
}

// recorded are the headers that a record keeps: not what errors say at length.
func recorded() []string {
	return []string{
		subscribers.HeaderConsumer, subscribers.HeaderReason, subscribers.HeaderError, subscribers.HeaderDeliveries, subscribers.HeaderPublishedAt,
		subscribers.HeaderFailedAt, subscribers.HeaderStream, subscribers.HeaderSubject, subscribers.HeaderSequence, subscribers.HeaderMsgID,
		subscribers.HeaderReplays, subscribers.HeaderCausationID,
	}
}
