package load

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// An event's id is a UUIDv7 whose random part is the run's id and the event's number. So whoever sees a message, even without its payload, knows whether
// it is the run's, and which one.
const (
	numberBits = 40
	numbers    = int64(1) << numberBits
	runBits    = 34
)

// identity is what tells the events of one run from all others.
type identity struct {
	run  uint64 // of runBits
	text string
}

func newIdentity() identity {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	run := binary.BigEndian.Uint64(random[:]) >> (64 - runBits)
	return identity{run, strconv.FormatUint(run, 36)}
}

// event is the id of the event with this number.
func (i identity) event(number int64, now time.Time) (id uuid.UUID) {
	const version, variant = 0x7, 0b10
	high := uint64(now.UnixMilli())<<16 | version<<12 | i.run>>(runBits-12)
	low := uint64(variant)<<62 | i.run<<numberBits&(1<<62-1) | uint64(number)&(uint64(numbers)-1) //nolint:gosec // Config bounds it
	binary.BigEndian.PutUint64(id[:8], high)
	binary.BigEndian.PutUint64(id[8:], low)
	return id
}

// number is the inverse of event; false: another run's, or none of a load's.
func (i identity) number(id uuid.UUID) (int64, bool) {
	of := i.event(0, time.UnixMilli(0))
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	ours := high&0xffff == binary.BigEndian.Uint64(of[:8])&0xffff && low>>numberBits == binary.BigEndian.Uint64(of[8:])>>numberBits
	return int64(low & (uint64(numbers) - 1)), ours
}

// stream is the nth stream of the run.
func (i identity) stream(nth int) contrail.StreamID {
	return contrail.NewStreamID(Category, i.text+"-"+strconv.Itoa(nth))
}

// nth is the inverse of stream, for one that is the run's.
func (i identity) nth(stream contrail.StreamID) (int, bool) {
	digits, ours := strings.CutPrefix(stream.ID(), i.text+"-")
	nth, err := strconv.Atoi(digits)
	return nth, ours && err == nil && stream.Category() == Category
}

// payload is JSON of so many bytes. The text is random, lest the database store it compressed.
func payload(size int) json.RawMessage {
	const begin, end = `{"text":"`, `"}`
	var text strings.Builder
	text.WriteString(begin)
	for room := size - len(begin) - len(end); room > 0; {
		random := rand.Text()
		text.WriteString(random[:min(room, len(random))])
		room -= len(random)
	}
	text.WriteString(end)
	return json.RawMessage(text.String())
}
