package subscribers

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/wire"
)

// A broker refuses messages above a size, headers included, so what errors say is cut.
const (
	maxErrorBytes = 4 << 10
	maxStackBytes = 16 << 10
	maxChain      = 16
)

// header writes the dead letter's headers. A brief one leaves out what an event near the broker's size limit has no room for.
func (l *DeadLetter) header(brief bool) nats.Header {
	header := ownHeaders(l.Header)
	set := func(name, value string) {
		if value != "" {
			header.Set(name, value)
		}
	}
	set(HeaderConsumer, l.Consumer)
	set(HeaderReason, string(l.Reason))
	set(HeaderDeliveries, strconv.Itoa(l.Deliveries))
	set(HeaderPublishedAt, l.PublishedAt.UTC().Format(time.RFC3339Nano))
	set(HeaderFailedAt, l.FailedAt.UTC().Format(time.RFC3339Nano))
	set(HeaderStream, l.Stream)
	set(HeaderSubject, l.Subject)
	set(HeaderSequence, strconv.FormatUint(l.Sequence, 10))
	set(HeaderMsgID, l.MsgID)
	set(HeaderCausationID, l.CausationID)
	if l.Replays > 0 {
		set(HeaderReplays, strconv.Itoa(l.Replays))
	}
	if brief {
		set(HeaderError, cut(l.Error, 100))
		return header
	}
	set(HeaderError, cut(l.Error, maxErrorBytes))
	if len(l.ErrorChain) > 0 {
		set(HeaderErrorChain, quoted(l.ErrorChain))
	}
	if l.Stack != "" {
		set(HeaderStack, quoted(cut(l.Stack, maxStackBytes)))
	}
	return header
}

// ownHeaders copies an event's own headers: without those that steer the broker, which would refuse or expire the copy, and without a
// dead letter's.
func ownHeaders(header nats.Header) nats.Header {
	own := nats.Header{}
	for name, values := range header {
		lower := strings.ToLower(name)
		if !strings.HasPrefix(lower, "nats-") && !strings.HasPrefix(lower, "contrail-") {
			own[name] = values
		}
	}
	return own
}

// setError fills in what err says.
func (l *DeadLetter) setError(err error) {
	if err == nil {
		return
	}
	l.Error = oneLine(fmt.Sprint(err)) // which a typed nil survives
	l.ErrorChain = chain(nil, err)
	if panicked, ok := errors.AsType[*panicError](err); ok {
		l.Stack = string(panicked.stack)
	}
}

// chain lists what err and the errors that it wraps say, without those that merely mark another one.
func chain(said []string, err error) []string {
	if err == nil || len(said) == maxChain {
		return said
	}
	if message := cut(fmt.Sprint(err), maxErrorBytes); len(said) == 0 || said[len(said)-1] != message {
		said = append(said, message)
	}
	switch wrapping := err.(type) { //nolint:errorlint // it walks the chain itself
	case interface{ Unwrap() error }:
		return chain(said, wrapping.Unwrap())
	case interface{ Unwrap() []error }:
		for _, wrapped := range wrapping.Unwrap() {
			said = chain(said, wrapped)
		}
	}
	return said
}

// oneLine makes text fit for a header.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

func quoted(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil { // strings always marshal
		return ""
	}
	return string(encoded)
}

// headerReader reads headers one by one and keeps the first fault.
type headerReader struct {
	header nats.Header
	err    error
}

func (r *headerReader) required(name string) string {
	value := r.header.Get(name)
	if value == "" && r.err == nil {
		r.err = fmt.Errorf("header %s is missing", name)
	}
	return value
}

func (r *headerReader) json(name string, into any) {
	value := r.header.Get(name)
	if value == "" || r.err != nil {
		return
	}
	if err := json.Unmarshal([]byte(value), into); err != nil {
		r.err = fmt.Errorf("header %s: %w", name, err)
	}
}

func parsed[T any](r *headerReader, name string, parse func(string) (T, error)) T {
	value, err := parse(r.required(name))
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("header %s: %w", name, err)
	}
	return value
}

// ID is the dead letter's Nats-Msg-Id. It is the same for each try to bury the same event of a consumer, so that a crash in between doesn't
// double it, and another one each time that the event was requeued.
func (l *DeadLetter) ID() string {
	id := l.Consumer + "/" + l.MsgID
	if l.MsgID == "" {
		id = fmt.Sprintf("%s/%s:%d:%d", l.Consumer, l.Stream, l.Sequence, l.PublishedAt.UnixNano())
	}
	if l.Replays > 0 {
		id += "/" + strconv.Itoa(l.Replays)
	}
	return id
}

// Requeue returns the message that brings the event back to its consumer, and to no other: a copy of the dead letter, so that what it says
// is kept, with a number of replays one higher and the dead letter's id as its causation. Its own id is the same for each try to requeue
// the same dead letter. deadLetters is the name of the stream, which takes the message.
func (l *DeadLetter) Requeue(deadLetters string) *nats.Msg {
	again := *l
	again.CausationID = l.ID()
	again.Replays++
	header := again.header(false)
	header.Set(jetstream.MsgIDHeader, "requeue/"+again.ID())
	return &nats.Msg{Subject: RequeueSubject(deadLetters, l.Consumer), Header: header, Data: l.Data}
}

// DeadLetterPrefix is the first token of the subjects of a stream of dead letters: the stream's name in lower case.
func DeadLetterPrefix(deadLetters string) string { return strings.ToLower(deadLetters) }

// RequeueSubject is where a consumer listens for events that are requeued to it alone. The stream of dead letters takes it.
func RequeueSubject(deadLetters, consumer string) string {
	return DeadLetterPrefix(deadLetters) + ".requeue." + consumer
}

// deadLetterSubject is prefix.events.<consumer>.<category>.<type>, or prefix.foreign.<consumer> for what is not an event.
func deadLetterSubject(prefix string, l DeadLetter) string {
	event, err := wire.DecodeMessage(l.Header, l.Data)
	if err != nil {
		return prefix + ".foreign." + l.Consumer
	}
	return prefix + ".events." + l.Consumer + "." + event.Stream.Category() + "." + event.Type
}
