package plain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	eventStream      = "EVENTS"
	deadLetterStream = "DEADLETTERS"
)

// ensureDeadLetters creates the stream as Contrail does, unless it is there.
func (c *Consumer) ensureDeadLetters(ctx context.Context) error {
	_, err := c.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: deadLetterStream, Subjects: []string{"deadletters.>"}, MaxAge: 30 * 24 * time.Hour, Duplicates: time.Hour, AllowDirect: true,
	})
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return fmt.Errorf("create stream %s: %w", deadLetterStream, err)
	}
	return nil
}

// letter makes a dead letter in Contrail's layout: the event's own payload and headers, and what became of it.
func (c *Consumer) letter(msg jetstream.Msg, meta *jetstream.MsgMetadata, failure error) *nats.Msg {
	letter := &nats.Msg{Subject: c.letterSubject(msg), Header: nats.Header{}, Data: msg.Data()}
	for name, values := range msg.Headers() {
		if lower := strings.ToLower(name); !strings.HasPrefix(lower, "nats-") && !strings.HasPrefix(lower, "contrail-") {
			letter.Header[name] = values
		}
	}
	if meta.Stream == deadLetterStream { // requeued by a person, and failed again: where it came from stands in its headers
		for _, name := range []string{"Stream", "Subject", "Sequence", "Msg-Id", "Published-At", "Replays", "Causation-Id"} {
			if value := msg.Headers().Get("Contrail-" + name); value != "" {
				letter.Header.Set("Contrail-"+name, value)
			}
		}
	} else {
		letter.Header.Set("Contrail-Stream", meta.Stream)
		letter.Header.Set("Contrail-Subject", msg.Subject())
		letter.Header.Set("Contrail-Sequence", strconv.FormatUint(meta.Sequence.Stream, 10))
		letter.Header.Set("Contrail-Published-At", meta.Timestamp.UTC().Format(time.RFC3339Nano))
		if id := msg.Headers().Get(jetstream.MsgIDHeader); id != "" {
			letter.Header.Set("Contrail-Msg-Id", id)
		}
	}
	letter.Header.Set("Contrail-Consumer", c.config.Durable)
	letter.Header.Set("Contrail-Reason", reason(msg, failure))
	letter.Header.Set("Contrail-Error", oneLine(failure))
	letter.Header.Set("Contrail-Error-Chain", chain(failure))
	letter.Header.Set("Contrail-Deliveries", strconv.FormatUint(meta.NumDelivered, 10))
	letter.Header.Set("Contrail-Failed-At", time.Now().UTC().Format(time.RFC3339Nano))
	letter.Header.Set(jetstream.MsgIDHeader, letterID(letter.Header))
	return letter
}

func (c *Consumer) letterSubject(msg jetstream.Msg) string {
	event, err := ReadEvent(msg.Headers(), msg.Data())
	if err != nil {
		return "deadletters.foreign." + c.config.Durable
	}
	return "deadletters.events." + c.config.Durable + "." + event.Category() + "." + event.Type
}

// letterID is the same for each try to bury the same event, so that a crash in between doesn't double it.
func letterID(header nats.Header) string {
	id := header.Get("Contrail-Consumer") + "/" + header.Get("Contrail-Msg-Id")
	if header.Get("Contrail-Msg-Id") == "" { // nobody has given it one
		at, _ := time.Parse(time.RFC3339Nano, header.Get("Contrail-Published-At"))
		id += fmt.Sprintf("%s:%s:%d", header.Get("Contrail-Stream"), header.Get("Contrail-Sequence"), at.UnixNano())
	}
	if replays := header.Get("Contrail-Replays"); replays != "" {
		id += "/" + replays
	}
	return id
}

func reason(msg jetstream.Msg, failure error) string {
	_, foreign := ReadEvent(msg.Headers(), msg.Data())
	switch {
	case foreign != nil:
		return "foreign"
	case errors.Is(failure, ErrPermanent):
		return "permanent"
	}
	return "exhausted"
}

// bury publishes a dead letter, and returns when the broker has it. It tries until then, or until ctx ends, and at least once.
func (c *Consumer) bury(ctx context.Context, letter *nats.Msg) error {
	for try := uint64(1); ; try++ {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		_, err := c.js.PublishMsg(limited, letter, jetstream.WithExpectStream(deadLetterStream))
		cancel()
		if err == nil {
			return nil
		}
		if !pause(ctx, c.delay(try)) {
			return fmt.Errorf("publish a dead letter: %w", err)
		}
	}
}

// oneLine is an error as it fits into a header and the broker's size limit.
func oneLine(err error) string {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, err.Error())
	if len(text) > 4096 {
		text = strings.ToValidUTF8(text[:4096], "") + "…"
	}
	return strings.TrimSpace(text)
}

// chain is what an error and those that it wraps say, as a JSON array.
func chain(err error) string {
	var said []string
	for ; err != nil && len(said) < 16; err = errors.Unwrap(err) {
		said = append(said, oneLine(err))
	}
	quoted, _ := json.Marshal(said) //nolint:errchkjson // strings always marshal
	return string(quoted)
}
