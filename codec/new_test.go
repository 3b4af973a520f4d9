package codec_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
)

type otherDrafted struct{}

func (otherDrafted) EventType() string { return "InvoiceDrafted" }

type unnamed struct{}

func (unnamed) EventType() string { return "" }

type spaced struct{}

func (spaced) EventType() string { return "Invoice Drafted" }

type wrongReader struct{}

func (wrongReader) EventType() string                               { return "Wrong" }
func (wrongReader) WithEventMetadata(contrail.Metadata) wrongReader { return wrongReader{} }

type pointerReader struct{}

func (*pointerReader) EventType() string { return "Pointer" }
func (p *pointerReader) WithEventMetadata(contrail.Metadata) (pointerReader, error) {
	return *p, nil
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	same := func(old json.RawMessage) (json.RawMessage, error) { return old, nil }
	for name, test := range map[string]struct {
		registrations []codec.Registration
		want          []string
	}{
		"nil": {[]codec.Registration{codec.Type[drafted](), nil}, []string{"registration 2: is nil"}},
		"type twice": {
			[]codec.Registration{codec.Type[drafted](), codec.Type[otherDrafted](codec.Schema(2))},
			[]string{`codec.Type[codec_test.otherDrafted]: event type "InvoiceDrafted" is registered as codec_test.drafted already`},
		},
		"schema below 1": {
			[]codec.Registration{codec.Type[drafted](codec.Schema(0))}, []string{"codec.Type[codec_test.drafted]: its schema is 0: the first one is 1"},
		},
		"empty name": {
			[]codec.Registration{codec.Type[unnamed]()},
			[]string{"codec.Type[codec_test.unnamed]: its event type is empty; name what happened, such as InvoiceDrafted"},
		},
		"bad name": {
			[]codec.Registration{codec.Type[spaced]()},
			[]string{"codec.Type[codec_test.spaced]: its event type must be ASCII letters, digits and '_', beginning with a letter"},
		},
		"pointer": {
			[]codec.Registration{codec.Type[*drafted]()}, []string{"codec.Type[*codec_test.drafted]: is a pointer: register the type that it points to"},
		},
		"interface": {
			[]codec.Registration{codec.Type[invoiceEvent]()},
			[]string{"codec.Type[codec_test.invoiceEvent]: is an interface: register the types that implement it"},
		},
		"metadata reader of another form": {
			[]codec.Registration{codec.Type[wrongReader]()},
			[]string{"its method must read func (e codec_test.wrongReader) WithEventMetadata(contrail.Metadata) (codec_test.wrongReader, error)"},
		},
		"metadata reader by pointer, in an upcaster": {
			[]codec.Registration{
				codec.Type[drafted](codec.Schema(2)),
				codec.Upcast("InvoiceDrafted", 1, codec.Convert(func(pointerReader) (drafted, error) { return drafted{}, nil })),
			},
			[]string{`codec.Upcast("InvoiceDrafted", 1): codec.Convert[codec_test.pointerReader, codec_test.drafted]: its method must read func`},
		},
		"hole": {
			[]codec.Registration{codec.Type[drafted](codec.Schema(3)), codec.Upcast("InvoiceDrafted", 1)},
			[]string{`InvoiceDrafted schema 2: nothing reads it, but schema 3 is known: add codec.Upcast("InvoiceDrafted", 2)`},
		},
		"large hole": {
			[]codec.Registration{codec.Type[drafted](codec.Schema(1 << 40))},
			[]string{`InvoiceDrafted schema 1: nothing reads it and those up to 1099511627775, but schema 1099511627776 is known: add a codec.Upcast for each`},
		},
		"hole in a type that is not written any more": {
			[]codec.Registration{codec.Type[drafted](), codec.Upcast("Old", 2, codec.Rename("InvoiceDrafted", 1))},
			[]string{`Old schema 1: nothing reads it, but schema 2 is known: add codec.Upcast("Old", 1)`},
		},
		"upcaster of today's schema and later": {
			[]codec.Registration{codec.Type[drafted](), codec.Upcast("InvoiceDrafted", 1), codec.Upcast("InvoiceDrafted", 4)},
			[]string{
				`codec.Upcast("InvoiceDrafted", 1): codec_test.drafted is written as schema 1 today, and an upcaster reads an older one`,
				`codec.Upcast("InvoiceDrafted", 4): codec_test.drafted is written as schema 1 today`,
			},
		},
		"upcaster twice": {
			[]codec.Registration{
				codec.Type[drafted](codec.Schema(2)), codec.Upcast("InvoiceDrafted", 1), codec.Upcast("InvoiceDrafted", 1, codec.Drop()),
			},
			[]string{`codec.Upcast("InvoiceDrafted", 1): is registered twice`},
		},
		"upcaster with a bad name and schema": {
			[]codec.Registration{codec.Upcast("a b", 0)},
			[]string{`codec.Upcast("a b", 0): its event type must be`, `codec.Upcast("a b", 0): its schema is 0: the first one is 1`},
		},
		"retired type that leads nowhere": {
			[]codec.Registration{codec.Upcast("Old", 1)},
			[]string{`codec.Upcast("Old", 1): leads to Old schema 2, but schema 1 is the newest one known: register the type`},
		},
		"unknown target": {
			[]codec.Registration{codec.Upcast("Old", 1, codec.Rename("InvoiceDrafted", 1))},
			[]string{`codec.Upcast("Old", 1): leads to InvoiceDrafted schema 1, which nothing reads: register its type, or an upcaster`},
		},
		"target of a later schema, and of none": {
			[]codec.Registration{
				codec.Type[drafted](), codec.Upcast("Old", 1, codec.Rename("InvoiceDrafted", 2)),
				codec.Upcast("Older", 1, codec.Rename("InvoiceDrafted", 0)),
			},
			[]string{
				`codec.Upcast("Old", 1): leads to InvoiceDrafted schema 2, but schema 1 is the newest one known`,
				`codec.Upcast("Older", 1): leads to InvoiceDrafted schema 0: the first schema is 1`,
			},
		},
		"unknown part": {
			[]codec.Registration{
				codec.Type[drafted](), codec.Upcast("Old", 1, codec.Split(codec.Into("InvoiceDrafted", 1, same), codec.Into("Nothing", 1, same))),
			},
			[]string{`codec.Upcast("Old", 1): leads to Nothing schema 1, which nothing reads`},
		},
		"circle": {
			[]codec.Registration{codec.Upcast("A", 1, codec.Rename("B", 1)), codec.Upcast("B", 1), codec.Upcast("B", 2, codec.Rename("A", 1))},
			[]string{`codec.Upcast("A", 1): leads back to itself: A schema 1 → B schema 1 → B schema 2 → A schema 1`},
		},
		"circle of one, in a split": {
			[]codec.Registration{codec.Type[drafted](), codec.Upcast("A", 1, codec.Split(codec.Into("InvoiceDrafted", 1, same), codec.Into("A", 1, same)))},
			[]string{`codec.Upcast("A", 1): leads back to itself: A schema 1 → A schema 1`},
		},
		"a Go type of today for a former schema": {
			[]codec.Registration{
				codec.Type[issued](codec.Schema(4)), codec.Upcast("InvoiceIssued", 1), codec.Upcast("InvoiceIssued", 2, codec.Convert(toIssued)),
				codec.Upcast("InvoiceIssued", 3),
			},
			[]string{`codec.Upcast("InvoiceIssued", 2): makes a codec_test.issued, which is InvoiceIssued schema 4 today, and calls it InvoiceIssued schema 3: make a frozen copy of the former type`},
		},
		"a Go type of today for another type": {
			[]codec.Registration{
				codec.Type[issued](), codec.Type[drafted](),
				codec.Upcast("Old", 1, codec.Split(codec.Into("InvoiceDrafted", 1, toIssued))),
				codec.Upcast("Older", 1, codec.Convert(toIssued), codec.Rename("InvoiceDrafted", 1)),
			},
			[]string{
				`codec.Upcast("Old", 1): makes a codec_test.issued, which is InvoiceIssued schema 1 today, and calls it InvoiceDrafted schema 1`,
				`codec.Upcast("Older", 1): makes a codec_test.issued`,
			},
		},
		"steps": {
			[]codec.Registration{codec.Type[drafted](), codec.Upcast("Old", 1,
				codec.Step{},
				codec.Rename("InvoiceDrafted", 1),
				codec.Fill("a..b", 1),
				codec.Fill("a", func() {}),
				codec.FillFrom("a", nil),
				codec.RenameField("a", "b."),
				codec.RenameField("", "b"),
				codec.Convert[int, int](nil),
				codec.Split(),
				codec.Split(codec.Into[int, int]("InvoiceDrafted", 1, nil)),
				codec.Drop(),
			)},
			[]string{
				`codec.Upcast("Old", 1): step 1 is empty`,
				`codec.Rename("InvoiceDrafted", 1) must be the last step`,
				`codec.Fill("a..b"): its path has an empty name`,
				`codec.Fill("a"): its value has no JSON form: json: unsupported type: func()`,
				`codec.FillFrom("a"): the function is nil`,
				`codec.RenameField("a", "b."): its path has an empty name`,
				`codec.RenameField("", "b"): its path has an empty name`,
				`codec.Convert[int, int]: the function is nil`,
				`codec.Split must be the last step`,
				`codec.Split: it has no parts: use codec.Drop to leave the event out`,
				`codec.Into("InvoiceDrafted", 1): the function is nil`,
			},
		},
	} {
		c, err := codec.New(test.registrations...)
		require.Nil(t, c, name)
		require.Error(t, err, name)
		for _, want := range test.want {
			require.ErrorContains(t, err, want, name)
		}
		if name != "steps" {
			require.Len(t, strings.Split(err.Error(), "\n"), len(test.want), "%s: %s", name, err)
		}
		require.True(t, strings.HasPrefix(err.Error(), "new codec: "), name)
		require.PanicsWithError(t, err.Error(), func() { codec.MustNew(test.registrations...) }, name)
	}
}

func TestNewTakesAnyOrder(t *testing.T) {
	t.Parallel()
	registrations := ledger()
	forward := newCodec(t, registrations...)
	for i, j := 0, len(registrations)-1; i < j; i, j = i+1, j-1 {
		registrations[i], registrations[j] = registrations[j], registrations[i]
	}
	require.Equal(t, forward.Forms(), newCodec(t, registrations...).Forms())
}

func TestForms(t *testing.T) {
	t.Parallel()
	c := newCodec(t, ledger()...)
	require.Equal(t, []codec.Form{
		{"ContactRenamed", 1},
		{"InvoiceApproved", 1},
		{"InvoiceApproved", 2},
		{"InvoiceDrafted", 1},
		{"InvoiceDraftedAndIssued", 1},
		{"InvoiceIssued", 1},
		{"InvoiceIssued", 2},
		{"InvoiceIssued", 3},
		{"InvoiceViewed", 1},
	}, c.Forms())
	require.True(t, c.IsCurrent(codec.Form{"InvoiceIssued", 3}))
	for _, form := range []codec.Form{{"InvoiceIssued", 2}, {"InvoiceIssued", 4}, {"InvoiceViewed", 1}, {"Unknown", 1}} {
		require.False(t, c.IsCurrent(form), form)
	}
	require.Empty(t, new(codec.Codec).Forms())
}
