package wire_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// nested is JSON with brackets so deep.
func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// change puts something else into a message of Contrail's.
type change struct{ old, anew string }

func (c change) of(payload []byte) []byte {
	return bytes.Replace(payload, []byte(c.old), []byte(c.anew), 1)
}

// stillVerbatim are changes that leave the layout as it is.
func stillVerbatim() []change {
	const data = `{"invoice": {"id": "42"}}`
	return []change{
		{},
		{`"acme"`, `"Müller \u00e9 \/ \ud83c\udf89 世"`},
		{`"acme"`, `",\"data\":"`},
		{`"acme"`, `""`},
		{`"acme"`, `"\ud800"`},
		{`"acme"`, "\"\x7f\""},
		{`"tenantid"`, `"t\u0065nantid"`},
		{`"tenantid"`, `"x9"`},
		{`"streamversion":4,`, `"streamversion":0,`},
		{`"sequence":"00000000000000000123"`, `"sequence":"+7"`},
		{`2026-11-21T20:15:04.123456Z`, `2026-11-21T20:15:04+01:00`},
		{`01920000-0000-7000-8000-0000000000aa`, `{01920000-0000-7000-8000-0000000000AA}`},
		{`"partitionkey":"invoice-42"`, `"partitionkey":"é\n"`},
		{data, `null`},
		{data, `false`},
		{data, `"a\u00e9\\\"\n/"`},
		{data, `-0.5e+10`},
		{data, `[]`},
		{data, `{}`},
		{data, "[ 1 ,\r\n\t{ \"a\" : [ ] } ]"},
		{data, nested(100)},
		{data, "\"\xff\""},
		{data, `{"a":1,"a":2,"data":3}`},
	}
}

// noLongerVerbatim are changes of the layout, or such that make the message worthless.
func noLongerVerbatim() []change {
	const data = `{"invoice": {"id": "42"}}`
	changes := []change{
		{`{"`, "\ufeff{\""},
		{`{"`, ` {"`},
		{`{"`, `{ "`},
		{data + "}", data + " }"},
		{data + "}", data + "}\n"},
		{data + "}", data + "}}"},
		{data + "}", data},
		{data + "}", data + `,"data":1}`},
		{data + "}", data + `,"note":"x"}`},
		{data, ` 1`},
		{data, ``},
		{`,"data":` + data, ``},
		{`"1.0"`, `"0.3"`},
		{`"1.0"`, `1.0`},
		{`"specversion"`, `"Specversion"`},
		{`"type":"InvoiceDrafted","subject":"invoice-42"`, `"subject":"invoice-42","type":"A"`},
		{`01920000-0000-7000-8000-0000000000aa`, `x`},
		{`invoice-42`, `invoice`},
		{`invoice-42`, `in\voice-42`},
		{`invoice-42`, `invoice-4.2`},
		{`invoice-42`, "invoice-\xff"},
		{`"s"`, "\"\xff\""},
		{`"s"`, `""`},
		{`InvoiceDrafted`, `Invoice Drafted`},
		{`InvoiceDrafted`, ``},
		{`2026-11-21`, `21.11.2026`},
		{`00000000000000000123`, `0`},
		{`"00000000000000000123"`, `123`},
		{`:4,`, `:04,`},
		{`:4,`, `:-4,`},
		{`:4,`, `:4.0,`},
		{`:4,`, `:"4",`},
		{`:4,`, `:,`},
		{`:4,`, `:99999999999999999999,`},
		{`"application/json"`, `"text/json"`},
		{`"partitionkey":"invoice-42"`, `"partitionkey":null`},
		{`"tenantid"`, `"correlationid"`},
		{`"tenantid"`, `"correlation_id"`},
		{`"tenantid"`, `"tenant_id"`},
		{`"tenantid"`, `"Tenant"`},
		{`"tenantid"`, `"9"`},
		{`"tenantid"`, `""`},
		{`"tenantid"`, `"é"`},
		{`"tenantid"`, `"tenantid","x"`},
		{`"acme"`, `true`},
		{`"acme"`, `17`},
		{`"acme"`, `null`},
		{`"acme"`, `{"a":1}`},
		{`"acme"`, `"\u0000"`},
		{`"acme"`, "\"\x00\""},
		{`"acme"`, "\"a\tb\""},
		{`"acme"`, `"\x"`},
		{`"acme"`, `"\`},
		{`"acme"`, "\"\xff\""},
		{`"acme"`, `"acme" `},
		{`"acme"`, `"acme",`},
		{`,"data":`, `, "data":`},
		{`,"data":`, `,"data" :`},
	}
	for _, attribute := range []string{
		"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "database64", "partitionkey", "sequence",
		"streamversion",
	} {
		changes = append(changes, change{`"tenantid":"acme"`, `"` + attribute + `":"1"`})
	}
	for _, wrong := range []string{
		`{`, `[`, `[1`, `[1,]`, `[,1]`, `[1;2]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{1:1}`, `{"a":1]`, `[1}`, `"`, `"\`, `"\u12`, `"\u12g4"`, "\"\\u\x11234\"", `"\a"`, "\"\n\"",
		`01`, `-`, `+1`, `1.`, `.5`, `1e`, `1e+`, `0x1`, `nul`, `nulll`, `True`, `1 2`, nested(101), nested(10001), `"a"b`,
	} {
		changes = append(changes, change{data, wrong})
	}
	return changes
}

// What is read fast is what is read by the book.
func TestDecodeVerbatimReadsWhatDecodeReads(t *testing.T) {
	t.Parallel()
	payload := wire.Append(nil, "s", sample())
	for _, change := range stillVerbatim() {
		message, ok := wire.DecodeVerbatim(nil, change.of(payload))
		require.True(t, ok, change)
		general, err := wire.DecodeGenerally(nil, change.of(payload))
		require.NoError(t, err, change)
		require.Equal(t, general, message, change)
	}
}

func TestDecodeVerbatimLeavesTheRest(t *testing.T) {
	t.Parallel()
	payload := wire.Append(nil, "s", sample())
	for _, change := range noLongerVerbatim() {
		changed := change.of(payload)
		require.NotEqual(t, payload, changed, change)
		_, ok := wire.DecodeVerbatim(nil, changed)
		require.False(t, ok, change)
	}
	for end := range payload {
		_, ok := wire.DecodeVerbatim(nil, payload[:end])
		require.False(t, ok, end)
	}
}

// Whatever the relay sends is read the fast way, in either format.
func TestDecodeVerbatimReadsAllThatIsWritten(t *testing.T) {
	t.Parallel()
	events := usualEvents()
	events["sample"], events["awkward"] = sample(), awkward()
	sealed := sample()
	sealed.Metadata, sealed.Sealed = contrail.Metadata{contrail.KeySealedWith: "k"}, true
	events["sealed"] = sealed
	for name, event := range events {
		structured, ok := wire.DecodeVerbatim(nil, wire.Append(nil, `a"é`, event))
		require.True(t, ok, name)
		require.Equal(t, wire.Message{Recorded: event, Source: `a"é`}, structured, name)
		header := binary(event)
		inBinary, ok := wire.DecodeVerbatim(header, event.Data)
		require.True(t, ok, name)
		require.Equal(t, event, inBinary.Recorded, name)
	}
}

func TestDecodeVerbatimLeavesUnusualHeaders(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(header map[string][]string){
		"no specversion": func(h map[string][]string) { delete(h, "ce-specversion") },
		"no source":      func(h map[string][]string) { delete(h, "ce-source") },
		"another case":   func(h map[string][]string) { h["CE-Note"] = []string{"x"} },
		"twice":          func(h map[string][]string) { h["ce-type"] = []string{"A", "B"} },
		"nothing":        func(h map[string][]string) { h["ce-type"] = nil },
		"an escape":      func(h map[string][]string) { h["ce-note"] = []string{"%"} },
		"not UTF-8":      func(h map[string][]string) { h["ce-note"] = []string{"%FF"} },
		"a NUL":          func(h map[string][]string) { h["ce-note"] = []string{"%00"} },
		"two of a key":   func(h map[string][]string) { h["ce-tenant_id"] = []string{"acme"} },
		"CloudEvents'":   func(h map[string][]string) { h["ce-data"] = []string{"{}"} },
	} {
		header := binary(sample())
		spoil(header)
		_, ok := wire.DecodeVerbatim(header, sample().Data)
		require.False(t, ok, name)
	}
	for _, payload := range []string{"", "x", " 1", "{}{}"} {
		_, ok := wire.DecodeVerbatim(binary(sample()), []byte(payload))
		require.False(t, ok, payload)
	}
}

// Each key that is not its attribute's name comes back.
func TestDecodeGivesKeysBack(t *testing.T) {
	t.Parallel()
	event := sample()
	event.Metadata = contrail.Metadata{}
	for _, key := range []string{
		contrail.KeyCorrelationID, contrail.KeyCausationID, contrail.KeyTenantID, contrail.KeyUserID, contrail.KeyTraceparent,
		contrail.KeyTracestate, contrail.KeySchemaVersion, contrail.KeySealedWith,
	} {
		event.Metadata[key] = "of " + key
	}
	event.Sealed = true
	message, err := wire.Decode(wire.Append(nil, "s", event))
	require.NoError(t, err)
	require.Equal(t, event, message.Recorded)
}

// What a message was decoded from may be used again.
func TestDecodeSharesNoMemory(t *testing.T) {
	t.Parallel()
	payload := wire.Append(nil, "s", sample())
	message, err := wire.Decode(payload)
	require.NoError(t, err)
	clear(payload)
	require.Equal(t, wire.Message{Recorded: sample(), Source: "s"}, message)
}

// FuzzDecodeVerbatim looks for a payload that is read fast, and reads otherwise by the book.
func FuzzDecodeVerbatim(f *testing.F) {
	for _, event := range usualEvents() {
		f.Add(wire.Append(nil, "/contrail/billing/"+storeID, event))
	}
	for _, event := range []contrail.Recorded{sample(), awkward()} {
		payload := wire.Append(nil, "s", event)
		f.Add(payload[:len(payload)/2])
		for _, change := range append(stillVerbatim(), noLongerVerbatim()...) {
			f.Add(change.of(payload))
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) { requireSame(t, nil, payload) })
}

// FuzzDecodeVerbatimParts puts attributes and data into a message of Contrail's, which a mutation of the whole would break mostly.
func FuzzDecodeVerbatimParts(f *testing.F) {
	f.Add(`"invoice-42"`, `"InvoiceDrafted"`, `"tenantid"`, `"acme"`, `{"n": 1}`)
	f.Add(`"a-\u00e9"`, `"A"`, `"correlation_id"`, `"\u0000"`, `1,"data":2`)
	f.Add(`"a-b"`, `"A","id":"x"`, `"id"`, `17`, `[1, 2.5e-3, "\ud800", {"a": null}]`)
	f.Fuzz(func(t *testing.T, subject, eventType, attribute, value, data string) {
		payload := []byte(`{"specversion":"1.0","id":"01920000-0000-7000-8000-0000000000aa","source":"s","type":` + eventType + `,"subject":` + subject +
			`,"time":"2026-11-21T20:15:04.123456Z","datacontenttype":"application/json","partitionkey":` + subject +
			`,"sequence":"00000000000000000123","streamversion":4,"tenantid":"acme",` + attribute + `:` + value + `,"data":` + data + `}`)
		requireSame(t, nil, payload)
	})
}

// FuzzDecodeVerbatimInBinary does the same with headers.
func FuzzDecodeVerbatimInBinary(f *testing.F) {
	f.Add("ce-note", "100%25", "Ce-Subject", "invoice-%C3%A9", []byte(`{"a": 1}`))
	f.Add("ce-tenantid", "", "ce-streamversion", "+1", []byte(`null`))
	f.Add("CE-id", "%00", "ce-specversion", "", []byte(` 1`))
	f.Fuzz(func(t *testing.T, name, value, other, otherValue string, payload []byte) {
		header := binary(sample())
		header[name], header[other] = []string{value}, []string{otherValue}
		requireSame(t, header, payload)
	})
}

// FuzzDecodeVerbatimData looks for data on which encoding/json says something else.
func FuzzDecodeVerbatimData(f *testing.F) {
	for _, change := range append(stillVerbatim(), noLongerVerbatim()...) {
		f.Add([]byte(change.anew))
	}
	event := sample()
	f.Fuzz(func(t *testing.T, data []byte) {
		event.Data = data
		_, ok := wire.DecodeVerbatim(nil, wire.Append(nil, "s", event))
		if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) <= 100 || ok {
			require.Equal(t, json.Valid(data) && len(bytes.TrimSpace(data)) == len(data), ok)
		}
	})
}

func requireSame(tb testing.TB, header map[string][]string, payload []byte) {
	tb.Helper()
	message, ok := wire.DecodeVerbatim(header, payload)
	if !ok {
		return
	}
	general, err := wire.DecodeGenerally(header, payload)
	require.NoError(tb, err)
	require.Equal(tb, general, message)
}
