package subscribers

import (
	"context"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// partitionFeed are the events of one partition.
func (s *Subscription) partitionFeed(partition int, place func(*delivery)) *feed {
	return &feed{
		id: 0, stream: partitionStream(s.config.Stream, s.config.Durable), name: partitionConsumer(s.config.Durable, partition),
		filter: s.config.partitionFilters(partition), absent: "it is created again when somebody has deleted it",
		start: func(context.Context) (uint64, error) { return firstSequence, nil }, place: place,
	}
}

// partitionSubjects are the subjects of the copies in a partition.
func partitionSubjects(partition int) string { return strconv.Itoa(partition) + ".>" }

// sourceOf returns the sequence of what a message is a copy of.
func sourceOf(header nats.Header) (sequence uint64, found bool) {
	_, rest, _ := strings.Cut(header.Get(headerSource), " ")
	text, _, _ := strings.Cut(rest, " ")
	sequence, err := strconv.ParseUint(text, 10, 64)
	return sequence, err == nil
}

// uncopy tells of a copy where it stands in the relay's stream. A dead letter of it is one of the event itself.
func (s *Subscription) uncopy(d *delivery) {
	header := d.msg.Headers()
	if sequence, found := sourceOf(header); found {
		d.number = sequence
	}
	_, d.subject, _ = strings.Cut(d.subject, ".")
	d.origin = &DeadLetter{
		Stream: s.config.Stream, Subject: d.subject, Sequence: d.number, PublishedAt: d.meta.Timestamp,
		MsgID: header.Get(jetstream.MsgIDHeader), Header: header, Data: d.msg.Data(),
	}
}
