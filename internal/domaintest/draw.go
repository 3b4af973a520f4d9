package domaintest

import (
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
)

// oneIn is true in one of n cases, all of them as likely, and false in what a failure shrinks to.
func oneIn(n int, t *rapid.T, label string) bool {
	return rapid.SampledFrom(append(make([]bool, n-1), true)).Draw(t, label)
}

func drawTenant(t *rapid.T) int { return rapid.SampledFrom([]int{0, 1}).Draw(t, "tenant") }

func (m *Model) drawOrganisation(t *rapid.T) command {
	c := command{kind: organisations, verb: "create", tenant: drawTenant(t), label: drawName(t)}
	return m.withOptions(t, c)
}

func (m *Model) drawContact(t *rapid.T) command {
	c := command{kind: contacts, verb: "create", tenant: drawTenant(t), details: drawDetails(t)}
	c.organisationID = m.drawID(t, c.tenant, organisations)
	return m.withOptions(t, c)
}

func (m *Model) drawDraft(t *rapid.T) command {
	c := command{kind: invoices, verb: "draft", tenant: drawTenant(t)}
	c.contactID = m.drawID(t, c.tenant, contacts)
	c.organisationID = m.drawID(t, c.tenant, organisations)
	if a := m.visible(c.tenant, contacts, c.contactID); a != nil && !oneIn(12, t, "mismatch") {
		c.organisationID = a.organisationID
	}
	c.currency = rapid.SampledFrom(currencies()).Draw(t, "currency")
	c.lines = drawLines(t, c.currency)
	if oneIn(4, t, "drafted before") {
		c.draftedOn = m.drawDay(t, "drafted on", -4000, -30, -1, 0, 1)
	}
	c.dueDate = m.drawDue(t)
	return m.withOptions(t, c)
}

// drawChange draws one of the verbs for an aggregate that may be there.
func (m *Model) drawChange(t *rapid.T, kind string, verbs ...string) command {
	c := command{kind: kind, verb: rapid.SampledFrom(verbs).Draw(t, "verb"), tenant: drawTenant(t)}
	c.id = m.drawID(t, c.tenant, kind)
	switch c.name() {
	case "organisation rename":
		c.label = drawName(t)
	case "contact update":
		c.details = drawDetails(t)
	case "invoice update":
		c.currency = currencies()[0]
		if a := m.visible(c.tenant, invoices, c.id); a != nil {
			c.currency = a.currency
		}
		c.lines = drawLines(t, c.currency)
		c.dueDate = m.drawDue(t)
		if oneIn(3, t, "another contact") {
			c.contactID = m.drawID(t, c.tenant, contacts)
		}
	}
	return m.withOptions(t, c)
}

// drawAgain draws a command whose key was used, sometimes on another condition, from another tenant or with another name.
func (m *Model) drawAgain(t *rapid.T) command {
	var known []command
	for _, a := range m.aggregates {
		for _, key := range keys() {
			if before, found := m.kept[m.key(command{tenant: a.tenant, key: key})]; found && before.result.ID == a.id {
				known = append(known, before.command)
			}
		}
	}
	if len(known) == 0 {
		t.Skip("nothing was done with a key")
	}
	c := known[rapid.IntRange(0, len(known)-1).Draw(t, "command")]
	switch rapid.SampledFrom([]string{"", "", "condition", "tenant", "arguments"}).Draw(t, "difference") {
	case "condition":
		c.conditional, c.versions = true, []int64{99}
	case "tenant":
		c.tenant = 1 - c.tenant
	case "arguments":
		c = c.otherwise()
	}
	return c
}

// otherwise is the command with another argument, or for another aggregate where it has none.
func (c command) otherwise() command {
	switch {
	case c.label != "":
		c.label += "x"
	case c.details.FirstName != "":
		c.details.FirstName += "x"
	case len(c.lines) > 0:
		c.lines = append(slices.Clone(c.lines), c.lines...)
	default:
		c.id = absent
	}
	return c
}

func keys() []string { return []string{"k1", "k2", "k 3", "~"} }

// withOptions adds, now and then, a condition, a key and a reference.
func (m *Model) withOptions(t *rapid.T, c command) command {
	if oneIn(5, t, "conditional") {
		actual := int64(0)
		if a := m.visible(c.tenant, c.kind, c.id); a != nil {
			actual = a.version
		}
		c.conditional = true
		for range rapid.SampledFrom([]int{1, 1, 2, 0}).Draw(t, "versions") {
			c.versions = append(c.versions, actual+rapid.SampledFrom([]int64{0, 0, 0, 1, -1}).Draw(t, "off by"))
		}
	}
	if oneIn(5, t, "with a key") {
		c.key = rapid.SampledFrom(keys()).Draw(t, "key")
	}
	if c.isNew() && oneIn(6, t, "with a reference") {
		c.reference = rapid.SampledFrom([]string{"r1", "r2", "Nº 3"}).Draw(t, "reference")
	}
	return c
}

// absent is an id that nothing has.
const absent = "01920000-0000-7000-8000-000000000000"

// drawID draws the id of an aggregate: mostly of one that the tenant has, else of one that is another's, of another kind, or none.
func (m *Model) drawID(t *rapid.T, tenant int, kind string) string {
	var own, other []string
	for _, a := range m.aggregates {
		switch {
		case a.tenant == tenant && a.kind == kind:
			own = append(own, a.id)
		default:
			other = append(other, a.id, strings.ToUpper(a.id))
		}
	}
	if len(own) > 0 && !oneIn(12, t, "not of its own") {
		return rapid.SampledFrom(own).Draw(t, kind)
	}
	return rapid.SampledFrom(append([]string{absent, "", "x", "a.b"}, other...)).Draw(t, "other "+kind)
}

func (m *Model) drawAggregate(t *rapid.T) *aggregate {
	if len(m.aggregates) == 0 {
		t.Skip("nothing there yet")
	}
	return m.aggregates[rapid.IntRange(0, len(m.aggregates)-1).Draw(t, "aggregate")]
}

func (m *Model) drawDue(t *rapid.T) invoice.Date {
	if oneIn(30, t, "never due") {
		return invoice.Date{}
	}
	return m.drawDay(t, "due", 30, 30, 30, 10, 1, 0, 0, -1, -31, -4001)
}

// drawDay draws a day so many days from today.
func (m *Model) drawDay(t *rapid.T, label string, days ...int) invoice.Date {
	day := rapid.SampledFrom(days).Draw(t, label)
	return invoice.DateOf(m.now.Add(time.Duration(day) * 24 * time.Hour))
}

func drawName(t *rapid.T) string {
	if oneIn(20, t, "bad name") {
		return rapid.SampledFrom([]string{" ", "a\x00"}).Draw(t, "name")
	}
	return rapid.SampledFrom([]string{"Acme", "Apex & Söhne", "株式会社", "x"}).Draw(t, "name")
}

func drawDetails(t *rapid.T) contact.Details {
	details := contact.Details{FirstName: drawName(t), LastName: "Köhler", Email: "leonie@example.com"}
	if oneIn(3, t, "other details") {
		details.LastName = rapid.SampledFrom([]string{"Hansen", "Hansen", "", strings.Repeat("x", 201)}).Draw(t, "last name")
		details.Email = rapid.SampledFrom([]string{"a@b.co", "用户@例え.jp", "用户@例え.jp", "leonie", "a@127.0.0.12"}).Draw(t, "email")
	}
	return details
}
