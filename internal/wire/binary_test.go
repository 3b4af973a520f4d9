package wire_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

func binary(event contrail.Recorded) map[string][]string {
	header := map[string][]string{}
	wire.BinaryHeader(header, wire.Source("billing", uuid.MustParse(storeID)), event)
	return header
}

// awkward has whatever a header can't hold as it is.
func awkward() contrail.Recorded {
	event := sample()
	event.Stream = contrail.NewStreamID("invoice", `é%"42"-世`)
	event.Metadata = contrail.Metadata{
		"empty": "", "space": "  a b ", "lines": "a\r\nb: c\t", "percent": "100%41", "quote": `"q"`, "wide": "é世🎉\u0085", "tenant_id": "acme",
	}
	return event
}

// The headers are a contract with programs in any language.
func TestBinaryHeaderGolden(t *testing.T) {
	t.Parallel()
	header := binary(sample())
	var got strings.Builder
	for _, name := range slices.Sorted(maps.Keys(header)) {
		require.Len(t, header[name], 1)
		fmt.Fprintf(&got, "%s: %s\n", name, header[name][0])
	}
	golden, err := os.ReadFile("testdata/binary.txt")
	require.NoError(t, err)
	require.Equal(t, string(golden), got.String())
}

func TestDecodeMessageReadsBothFormats(t *testing.T) {
	t.Parallel()
	source := wire.Source("billing", uuid.MustParse(storeID))
	for _, event := range []contrail.Recorded{sample(), awkward()} {
		structured, err := wire.DecodeMessage(map[string][]string{wire.HeaderContentType: {wire.ContentType}}, wire.Append(nil, source, event))
		require.NoError(t, err)
		require.Equal(t, wire.Message{Recorded: event, Source: source}, structured)
		inBinary, err := wire.DecodeMessage(binary(event), event.Data)
		require.NoError(t, err)
		require.Equal(t, structured, inBinary)
		bare, err := wire.DecodeMessage(nil, wire.Append(nil, source, event))
		require.NoError(t, err)
		require.Equal(t, structured, bare)
	}
}

// Structured mode is what its content type says, also where a client has added headers as binary mode has them.
func TestDecodeMessageGoesByTheContentType(t *testing.T) {
	t.Parallel()
	header := map[string][]string{"Content-Type": {"application/cloudevents+json; charset=UTF-8"}, "ce-id": {"x"}}
	message, err := wire.DecodeMessage(header, wire.Append(nil, "s", sample()))
	require.NoError(t, err)
	require.Equal(t, sample(), message.Recorded)
}

func TestDecodeMessageTakesHeadersInAnyCase(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(string) string{
		"canonical": textproto.CanonicalMIMEHeaderKey, "upper": strings.ToUpper, "lower": strings.ToLower,
	} {
		header := http.Header{}
		wire.Mark(header, wire.ResentRepair, 7)
		wire.BinaryHeader(header, "s", awkward())
		changed := map[string][]string{}
		for name, values := range header {
			changed[change(name)] = append(values, values...) // and each value twice
		}
		message, err := wire.DecodeMessage(changed, awkward().Data)
		require.NoError(t, err, name)
		require.Equal(t, wire.Message{Recorded: awkward(), Source: "s", Resent: wire.ResentRepair, After: 7}, message, name)
	}
}

func TestDecodeMessageOfAMark(t *testing.T) {
	t.Parallel()
	payload := wire.Append(nil, "s", sample())
	for _, resent := range []string{wire.ResentRequeue, wire.ResentRepair} {
		header := map[string][]string{}
		wire.Mark(header, resent, 0)
		message, err := wire.DecodeMessage(header, payload)
		require.NoError(t, err)
		require.Equal(t, wire.Message{Recorded: sample(), Source: "s", Resent: resent}, message)
	}
	for reason, header := range map[string]map[string][]string{
		"Contrail-After stands without":    {wire.HeaderAfter: {"1"}},
		"Contrail-Resent stands without":   {wire.HeaderResent: {wire.ResentRepair}},
		`Contrail-Resent is "undo"`:        {wire.HeaderResent: {"undo"}, wire.HeaderAfter: {"1"}},
		`Contrail-Resent is ""`:            {wire.HeaderResent: {""}, wire.HeaderAfter: {"1"}},
		`Contrail-After is "-1"`:           {wire.HeaderResent: {wire.ResentRepair}, wire.HeaderAfter: {"-1"}},
		`Contrail-After is "x"`:            {wire.HeaderResent: {wire.ResentRepair}, wire.HeaderAfter: {"x"}},
		`Contrail-After is ""`:             {wire.HeaderResent: {wire.ResentRepair}, wire.HeaderAfter: {""}},
		`Contrail-After is "99999999999`:   {wire.HeaderResent: {wire.ResentRepair}, wire.HeaderAfter: {"99999999999999999999"}},
		"attribute specversion is missing": {wire.HeaderResent: {wire.ResentRepair}, "ce-id": {"x"}},
	} {
		_, err := wire.DecodeMessage(header, payload)
		var foreign *wire.ForeignError
		require.ErrorAs(t, err, &foreign, reason)
		require.ErrorContains(t, err, reason)
	}
}

func TestDecodeMessageRefusesForeignHeaders(t *testing.T) {
	t.Parallel()
	for reason, spoil := range map[string]func(header map[string][]string){
		"specversion is missing":                 func(h map[string][]string) { delete(h, "ce-specversion") },
		"specversion is not 1.0":                 func(h map[string][]string) { h["ce-specversion"] = []string{"0.3"} },
		"id invalid UUID":                        func(h map[string][]string) { h["ce-id"] = []string{"x"} },
		"source is missing":                      func(h map[string][]string) { h["ce-source"] = nil },
		"source is there twice":                  func(h map[string][]string) { h["Ce-Source"] = []string{"other"} },
		"type is missing":                        func(h map[string][]string) { delete(h, "ce-type") },
		`event type "Invoice Drafted"`:           func(h map[string][]string) { h["ce-type"] = []string{"Invoice Drafted"} },
		`subject stream "invoice"`:               func(h map[string][]string) { h["ce-subject"] = []string{"invoice"} },
		"time parsing":                           func(h map[string][]string) { h["ce-time"] = []string{"now"} },
		`sequence "0" is not a position`:         func(h map[string][]string) { h["ce-sequence"] = []string{"0"} },
		"streamversion is not an integer":        func(h map[string][]string) { h["ce-streamversion"] = []string{"4.0"} },
		"note has a '%' that":                    func(h map[string][]string) { h["ce-note"] = []string{"100%"} },
		"note has a '%' that two":                func(h map[string][]string) { h["ce-note"] = []string{"%4"} },
		"note has a '%' that two hexadecimal":    func(h map[string][]string) { h["ce-note"] = []string{"%+1"} },
		`metadata key "note" has a value that`:   func(h map[string][]string) { h["ce-note"] = []string{"%FF"} },
		`metadata key "data" is an attribute`:    func(h map[string][]string) { h["ce-data"] = []string{"{}"} },
		`metadata key "no-te" must match`:        func(h map[string][]string) { h["ce-no-te"] = []string{"x"} },
		`metadata key "note" has a value with a`: func(h map[string][]string) { h["ce-note"] = []string{"%00"} },
	} {
		header := binary(sample())
		spoil(header)
		_, err := wire.DecodeMessage(header, sample().Data)
		var foreign *wire.ForeignError
		require.ErrorAs(t, err, &foreign, reason)
		require.ErrorContains(t, err, reason)
	}
	for _, payload := range []string{"", "hello", "{}{}", `{"a":`} {
		_, err := wire.DecodeMessage(binary(sample()), []byte(payload))
		require.EqualError(t, err, "not an event of Contrail's: the payload is not JSON", payload)
	}
}

// What a message was decoded from may be used again, and so may what headers were written for.
func TestBinarySharesNoMemory(t *testing.T) {
	t.Parallel()
	payload := []byte(`{"n":1}`)
	header := binary(sample())
	message, err := wire.DecodeMessage(header, payload)
	require.NoError(t, err)
	payload[5] = '2'
	require.JSONEq(t, `{"n":1}`, string(message.Data))
	for _, values := range header {
		_ = append(values, "more")
	}
	require.Equal(t, binary(sample()), header)
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, format := range []wire.Format{wire.Structured, wire.Binary} {
		parsed, err := wire.ParseFormat(format.String())
		require.NoError(t, err)
		require.Equal(t, format, parsed)
		require.NoError(t, format.Validate())
	}
	require.Equal(t, "structured", wire.Format(0).String())
	require.Equal(t, "Format(7)", wire.Format(7).String())
	require.ErrorIs(t, wire.Format(7).Validate(), contrail.ErrInvalid)
	for _, s := range []string{"", "Binary", "json"} {
		_, err := wire.ParseFormat(s)
		require.EqualError(t, err, fmt.Sprintf(`format %q must be "structured" or "binary"`, s))
	}
}

// What can be read says the same when it is written again, in either format.
func FuzzDecodeMessageInBinary(f *testing.F) {
	f.Add("note", "100%25", "Ce-Subject", "invoice-%C3%A9", []byte(`{"a": 1}`))
	f.Add("tenantid", "", "ce-streamversion", "-1", []byte(`null`))
	f.Add("Tenant_Id", "%", "Contrail-Resent", "requeue", []byte(`[`))
	f.Fuzz(func(t *testing.T, attribute, value, name, other string, payload []byte) {
		if strings.Contains(attribute+name, "_") {
			return // CloudEvents has no such attributes; they are read, but written without it
		}
		header := binary(sample())
		header["ce-"+attribute] = []string{value}
		header[name] = []string{other}
		message, err := wire.DecodeMessage(header, payload)
		if err != nil {
			return
		}
		require.True(t, json.Valid(message.Data))
		again := map[string][]string{}
		wire.BinaryHeader(again, message.Source, message.Recorded)
		for _, values := range again {
			require.Len(t, values, 1)
			require.NotContains(t, values[0], "\r")
			require.NotContains(t, values[0], "\n")
		}
		inBinary, err := wire.DecodeMessage(again, payload)
		require.NoError(t, err)
		inBinary.Resent, inBinary.After = message.Resent, message.After
		require.Equal(t, message, inBinary)
		structured, err := wire.Decode(wire.Append(nil, message.Source, message.Recorded))
		require.NoError(t, err)
		require.Equal(t, message.Position, structured.Position)
		require.Equal(t, message.Metadata, structured.Metadata)
	})
}

func BenchmarkBinaryHeader(b *testing.B) {
	event := sample()
	b.ReportAllocs()
	for b.Loop() {
		wire.BinaryHeader(make(map[string][]string, 16), "/contrail/billing/"+storeID, event)
	}
}

func BenchmarkDecodeBinary(b *testing.B) {
	header, payload := binary(sample()), sample().Data
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeMessage(header, payload); err != nil {
			b.Fatal(err)
		}
	}
}
