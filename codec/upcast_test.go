package codec_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
)

// form is what Upcast changes about an event.
type form struct {
	Type, Schema, Data string
}

func TestUpcast(t *testing.T) {
	t.Parallel()
	c := newCodec(t, ledger()...)
	for name, test := range map[string]struct {
		recorded contrail.Recorded
		want     []form
		values   []contrail.Payload
	}{
		"today's": {
			stored("InvoiceIssued", 3, `{"total":5, "id":"1"}`), []form{{"InvoiceIssued", "3", `{"total":5, "id":"1"}`}}, []contrail.Payload{issued{ID: "1", Total: 5}},
		},
		"two steps": {
			stored("InvoiceIssued", 1, `{"id":"1","total":"5"}`),
			[]form{{"InvoiceIssued", "3", `{"id":"1","due":"2021-01-31","total":5}`}},
			[]contrail.Payload{issued{"1", "2021-01-31", 5}},
		},
		"one step": {
			stored("InvoiceIssued", 2, `{"id":"1","due":"","total":"5"}`),
			[]form{{"InvoiceIssued", "3", `{"id":"1","due":"","total":5}`}},
			[]contrail.Payload{issued{"1", "", 5}},
		},
		"no change, another field's name, another name, filled, converted": {
			stored("InvoiceApproved", 1, `{"id":"1","sum":"5"}`),
			[]form{{"InvoiceIssued", "3", `{"id":"1","due":"2021-01-31","total":5}`}},
			[]contrail.Payload{issued{"1", "2021-01-31", 5}},
		},
		"split, one of which goes all the way": {
			stored("InvoiceDraftedAndIssued", 1, `{"ID":"1","Total":"5","Issued":true}`),
			[]form{
				{"InvoiceDrafted", "", `{"id":"1","currency":"EUR"}`},
				{"InvoiceIssued", "3", `{"id":"1","due":"2021-01-31","total":5}`},
			},
			[]contrail.Payload{drafted{ID: "1", Currency: "EUR", Day: "1 May"}, issued{"1", "2021-01-31", 5}},
		},
		"split, one of which is left out": {
			stored("InvoiceDraftedAndIssued", 1, `{"ID":"1"}`),
			[]form{{"InvoiceDrafted", "", `{"id":"1","currency":"EUR"}`}},
			[]contrail.Payload{drafted{ID: "1", Currency: "EUR", Day: "1 May"}},
		},
		"dropped": {stored("InvoiceViewed", 1, `{}`), []form{}, []contrail.Payload{}},
	} {
		test.recorded.Metadata["old_day"] = "1 May"
		before := test.recorded
		before.Data, before.Metadata = slices.Clone(before.Data), test.recorded.Metadata.With("user_id", "alice")

		upcast, err := c.Upcast(test.recorded)
		require.NoError(t, err, name)
		require.Equal(t, before, test.recorded, name)
		require.Len(t, upcast, len(test.want), name)
		for i, event := range upcast {
			got := form{event.Type, event.Metadata[contrail.KeySchemaVersion], string(event.Data)}
			require.Equal(t, test.want[i], got, name)
			require.Equal(t, "alice", event.Metadata["user_id"], name)
			event.Type, event.Data, event.Metadata = before.Type, before.Data, before.Metadata
			require.Equal(t, before, event, name)
		}
		values, err := c.Decode(test.recorded)
		require.NoError(t, err, name)
		require.Equal(t, test.values, values, name)
		require.Equal(t, before, test.recorded, name)
	}
}

// What a payload keeps in the metadata comes with it through an upcaster.
func TestUpcastersReadAndWriteMetadata(t *testing.T) {
	t.Parallel()
	recorded := stored("InvoiceDraftedAndIssued", 1, `{"ID":"1"}`)
	recorded.Metadata = contrail.Metadata{"old_day": "1 May"}
	upcast, err := newCodec(t, ledger()...).Upcast(recorded)
	require.NoError(t, err)
	require.Equal(t, contrail.Metadata{"old_day": "1 May", "day": "1 May"}, upcast[0].Metadata)
	require.Equal(t, contrail.Metadata{"old_day": "1 May"}, recorded.Metadata)
}

func TestUpcastLeavesUnknownTypesAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []*codec.Codec{newCodec(t, ledger()...), new(codec.Codec)} {
		recorded := stored("SomethingElse", 9, `{"a":1}`)
		recorded.Metadata[contrail.KeySchemaVersion] = "draft"
		upcast, err := c.Upcast(recorded)
		require.NoError(t, err)
		require.Equal(t, []contrail.Recorded{recorded}, upcast)
	}
}

// steps reads one event whose only upcaster has the steps given.
func steps(t *testing.T, data string, steps ...codec.Step) (string, error) {
	t.Helper()
	c := newCodec(t, codec.Type[renamed](codec.Schema(2)), codec.Upcast("ContactRenamed", 1, steps...))
	recorded := stored("ContactRenamed", 1, data)
	upcast, err := c.Upcast(recorded)
	require.Equal(t, stored("ContactRenamed", 1, data), recorded)
	if err != nil {
		return "", err
	}
	require.Len(t, upcast, 1)
	return string(upcast[0].Data), nil
}

func TestSteps(t *testing.T) {
	t.Parallel()
	recordedAt := func(e contrail.Recorded) (any, error) {
		e.Metadata["user_id"], e.Data[0] = "mallory", '!' // a copy
		return e.RecordedAt, nil
	}
	for name, test := range map[string]struct {
		data string
		step codec.Step
		want string
	}{
		"fill":                        {`{}`, codec.Fill("a", 1), `{"a":1}`},
		"fill with null":              {`{}`, codec.Fill("a", nil), `{"a":null}`},
		"fill what is there":          {`{"a":2}`, codec.Fill("a", 1), `{"a":2}`},
		"fill null":                   {`{"a":null}`, codec.Fill("a", 1), `{"a":null}`},
		"fill deep":                   {`{"b":1}`, codec.Fill("x.y.z", "v"), `{"b":1,"x":{"y":{"z":"v"}}}`},
		"fill within":                 {`{"x":{"y":1}}`, codec.Fill("x.z", []int{1}), `{"x":{"y":1,"z":[1]}}`},
		"fill from":                   {`{}`, codec.FillFrom("at", recordedAt), `{"at":"2020-09-13T12:26:40Z"}`},
		"rename field":                {`{"a":1,"b":2}`, codec.RenameField("a", "c"), `{"b":2,"c":1}`},
		"rename field out of":         {`{"x":{"a":1}}`, codec.RenameField("x.a", "b"), `{"b":1,"x":{}}`},
		"rename field into":           {`{"a":1}`, codec.RenameField("a", "x.y"), `{"x":{"y":1}}`},
		"rename a field that is null": {`{"a":null}`, codec.RenameField("a", "b"), `{"b":null}`},
		"rename no field":             {`{"b":2}`, codec.RenameField("a", "c"), `{"b":2}`},
		"rename no field deep":        {`{"b":2}`, codec.RenameField("x.a", "c"), `{"b":2}`},
		"rename field to itself":      {`{"a":2}`, codec.RenameField("a", "a"), `{"a":2}`},
		"numbers keep their digits":   {`{"n":12345678901234567890.10}`, codec.Fill("a", 1), `{"a":1,"n":12345678901234567890.10}`},
	} {
		got, err := steps(t, test.data, test.step)
		require.NoError(t, err, name)
		require.JSONEq(t, test.want, got, name)
		if name == "numbers keep their digits" {
			require.Equal(t, test.want, got)
		}
	}
	got, err := steps(t, `{"a":1}`)
	require.NoError(t, err)
	require.Equal(t, `{"a":1}`, got)
}

func TestStepsThatFail(t *testing.T) {
	t.Parallel()
	errBroken := errors.New("broken")
	for name, test := range map[string]struct {
		data string
		step codec.Step
		want string
	}{
		"no JSON":               {`{`, codec.Fill("a", 1), "fill a: unexpected end of JSON input"},
		"null":                  {`null`, codec.Fill("a", 1), "fill a: is null, and no object"},
		"an array":              {`[]`, codec.Fill("a", 1), "fill a: json: cannot unmarshal array"},
		"no object within":      {`{"x":1}`, codec.Fill("x.y", 1), "fill x.y: in x: json: cannot unmarshal number"},
		"null within":           {`{"x":null}`, codec.RenameField("x.y", "z"), "rename field x.y to z: is null, and no object"},
		"a field that is there": {`{"a":1,"b":2}`, codec.RenameField("a", "b"), "rename field a to b: the field is there already"},
		"no target within":      {`{"a":1,"b":2}`, codec.RenameField("a", "b.c"), "rename field a to b.c: in b: json: cannot unmarshal number"},
		"a value's error":       {`{}`, codec.FillFrom("a", func(contrail.Recorded) (any, error) { return nil, errBroken }), "fill a: broken"},
		"a value without JSON":  {`{}`, codec.FillFrom("a", func(contrail.Recorded) (any, error) { return func() {}, nil }), "unsupported type"},
		"convert no JSON":       {`{`, codec.Convert(toIssued), "unexpected end of JSON input"},
		"convert other data":    {`{"total":1}`, codec.Convert(toIssued), "cannot unmarshal number into Go struct field"},
		"convert's error":       {`{}`, codec.Convert(func(int) (int, error) { return 0, nil }), "cannot unmarshal object"},
		"convert into no JSON":  {`{}`, codec.Convert(func(any) (any, error) { return func() {}, nil }), "convert: json: unsupported type"},
		"a part's error": {
			`{}`, codec.Split(codec.Into("ContactRenamed", 2, func(any) (any, error) { return nil, errBroken })), "into ContactRenamed schema 2: broken",
		},
	} {
		_, err := steps(t, test.data, test.step)
		require.ErrorContains(t, err, "decode invoice-42 version 3, ContactRenamed schema 1: upcast ContactRenamed schema 1: ", name)
		require.ErrorContains(t, err, test.want, name)
		var failed *codec.DecodeError
		require.ErrorAs(t, err, &failed, name)
		require.Equal(t, 1, failed.Schema, name)
	}
	_, err := steps(t, `{}`, codec.FillFrom("a", func(contrail.Recorded) (any, error) { return nil, errBroken }))
	require.ErrorIs(t, err, errBroken)
}

// The error names the event as it stands in the store, and the step of the chain that failed.
func TestErrorsOfALongChain(t *testing.T) {
	t.Parallel()
	_, err := newCodec(t, ledger()...).Decode(stored("InvoiceApproved", 1, `{"sum":"many"}`))
	require.EqualError(t, err, `decode invoice-42 version 3, InvoiceApproved schema 1: upcast InvoiceIssued schema 2: strconv.Atoi: parsing "many": invalid syntax`)
}

func TestPanicsAreNotCaught(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "upcaster", func() {
		_, _ = steps(t, `{}`, codec.Convert(func(json.RawMessage) (json.RawMessage, error) { panic("upcaster") }))
	})
}
