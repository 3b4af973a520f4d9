package wire_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

func TestSubjectsOf(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"":                                  "events.invoice.42.InvoiceDrafted",
		"{category}.{id}.{type}":            "events.invoice.42.InvoiceDrafted",
		"{tenant_id}.{category}.{id}":       "events.acme.invoice.42",
		"v1-{category}":                     "events.v1-invoice",
		"{category}{id}.all.{type}-{id}-x":  "events.invoice42.all.InvoiceDrafted-42-x",
		"a.b.{category}.c":                  "events.a.b.invoice.c",
		"{type}.{type}":                     "events.InvoiceDrafted.InvoiceDrafted",
		"$x.é.{correlation_id}.{tenant_id}": "events.$x.é.c-1.acme",
	} {
		subjects, err := wire.ParseSubjects("events", template)
		require.NoError(t, err, template)
		got, err := subjects.Of(sample())
		require.NoError(t, err, template)
		require.Equal(t, want, got, template)
		require.Equal(t, "events.>", subjects.Filter())
	}
	require.Equal(t, "a.b.invoice.42.InvoiceDrafted", wire.Subject("a.b", sample()))
	subjects, err := wire.ParseSubjects("a.b", "")
	require.NoError(t, err)
	got, err := subjects.Of(sample())
	require.NoError(t, err)
	require.Equal(t, wire.Subject("a.b", sample()), got)
}

func TestParseSubjectsRefuses(t *testing.T) {
	t.Parallel()
	for template, reason := range map[string]string{
		".":                 "empty token",
		"{category}.":       "empty token",
		".{category}":       "empty token",
		"{id}..{type}":      "empty token",
		"{category}.*":      "'*'",
		"{category}.>":      "'>'",
		"{category} x":      "' '",
		"{category}.a\tb":   `'\t'`,
		"{category}.a\x7f":  `'\x7f'`,
		"{category}.a\xff":  "'\ufffd'",
		"{category":         "'{' without its '}'",
		"{a.b}":             "'{' without its '}'",
		"category}":         "'}' without its '{'",
		"{category}}":       "'}' without its '{'",
		"{}":                "placeholder {}",
		"{Category}":        "placeholder {Category}",
		"{source}":          "placeholder {source}",
		"{tenant-id}":       "placeholder {tenant-id}",
		"invoices":          "no placeholder",
		"{{category}}":      "placeholder {{category}",
		"{category}.{type}": "",
	} {
		_, err := wire.ParseSubjects("events", template)
		if reason == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, contrail.ErrInvalid, template)
		require.ErrorContains(t, err, "subject template", template)
		require.ErrorContains(t, err, reason, template)
		require.Equal(t, err.Error(), wire.ValidateTemplate(template).Error())
	}
	_, err := wire.ParseSubjects("$JS", "x")
	require.ErrorContains(t, err, `subject prefix "$JS"`)
	require.ErrorContains(t, err, `subject template "x"`)
	require.NoError(t, wire.ValidateTemplate(""))
}

func TestSubjectsOfRefusesWhatIsNoToken(t *testing.T) {
	t.Parallel()
	subjects, err := wire.ParseSubjects("events", "{tenant_id}.{category}")
	require.NoError(t, err)
	for _, value := range []string{"", " ", "a b", "a.b", "*", "a>", "a\nb", "\x00", "\u00a0", "\u2028", "\xff", strings.Repeat("x", wire.MaxSubjectBytes)} {
		event := sample()
		event.Metadata = contrail.Metadata{"tenant_id": value}
		_, err := subjects.Of(event)
		var invalid *contrail.InvalidError
		require.ErrorAs(t, err, &invalid, "%q", value)
		if len(value) < wire.MaxSubjectBytes {
			require.ErrorContains(t, err, "{tenant_id}", "%q", value)
		} else {
			require.ErrorContains(t, err, "is longer than 2048 bytes")
		}
	}
	event := sample()
	delete(event.Metadata, "tenant_id")
	_, err = subjects.Of(event)
	require.EqualError(t, err, `subject placeholder {tenant_id} "" has no value in the event's metadata`)
	event.Metadata = nil
	_, err = subjects.Of(event)
	require.ErrorIs(t, err, contrail.ErrInvalid)
	event.Metadata = contrail.Metadata{"tenant_id": "ächt-1"}
	subject, err := subjects.Of(event)
	require.NoError(t, err)
	require.Equal(t, "events.ächt-1.invoice", subject)
}

// Whatever a template and its event are, a subject is made of tokens that stand for themselves.
func FuzzSubjects(f *testing.F) {
	f.Add("{tenant_id}.{category}-x.{id}", "acme")
	f.Add("{a}{b}", "")
	f.Fuzz(func(t *testing.T, template, value string) {
		subjects, err := wire.ParseSubjects("events", template)
		if err != nil {
			return
		}
		event := sample()
		event.Metadata = contrail.Metadata{"tenant_id": value, "a": value, "b": value}
		subject, err := subjects.Of(event)
		if err == nil {
			require.NoError(t, wire.ValidatePrefix(strings.ReplaceAll(subject, "$", "x")), "only the first token must not begin with '$'")
			require.True(t, strings.HasPrefix(subject, "events."))
		}
	})
}

func BenchmarkSubject(b *testing.B) {
	event := sample()
	event.Stream = contrail.NewStreamID("invoice", uuid.NewString())
	for name, template := range map[string]string{"default": "", "metadata": "{tenant_id}.{category}.{id}.{type}"} {
		subjects, err := wire.ParseSubjects(wire.DefaultPrefix, template)
		require.NoError(b, err)
		b.Run("template="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := subjects.Of(event); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("concatenated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = wire.Subject(wire.DefaultPrefix, event)
		}
	})
}
