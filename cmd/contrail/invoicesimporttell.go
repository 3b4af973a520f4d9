package main

import (
	"fmt"
	"time"

	"github.com/contrail-events/contrail/internal/invoicing"
)

// importTeller tells what becomes of the lines of an import, and draws how far it is.
type importTeller struct {
	app    *app
	bar    eventsProgress
	asJSON bool
}

func (a *app) newImportTeller(v *invoicesImportVerb, size int64) *importTeller {
	text := "importing"
	if v.DryRun {
		text = "looking"
	}
	return &importTeller{app: a, bar: a.newEventsProgress(text, size, true), asJSON: v.JSON}
}

// tell tells what became of one line.
func (t *importTeller) tell(told invoicing.Outcome) error {
	bad := told.Status == invoicing.LineRefused || told.Status == invoicing.LineFailed
	if bad || !t.app.Quiet {
		t.bar.gone()
		if t.asJSON {
			if err := t.app.printJSON(told); err != nil {
				return err
			}
		} else {
			t.app.printf("%s\n", printable(outcomeText(told)))
		}
	}
	t.bar.at(told.End)
	return t.app.unwritten
}

func outcomeText(told invoicing.Outcome) string {
	text := fmt.Sprintf("line %d: ", told.Line)
	if told.Reference != "" {
		text += fmt.Sprintf("invoice %q ", told.Reference)
	}
	switch told.Status {
	case invoicing.LineCreated:
		return text + "was created as " + told.ID
	case invoicing.LineBefore:
		return text + "was there before, as " + told.ID
	case invoicing.LineNew:
		return text + "would be created"
	case invoicing.LineRefused:
		return text + "refused: " + told.Text()
	case invoicing.LineFailed:
	}
	return text + "failed: " + told.Text()
}

// toldImport is the last thing that --json prints.
type toldImport struct {
	Summary summedImport `json:"summary"`
}

type summedImport struct {
	invoicing.ImportSummary

	Seconds float64 `json:"seconds"`
}

// conclude prints the summary. The error says that not every line is there.
func (t *importTeller) conclude(summary invoicing.ImportSummary, took time.Duration) error {
	if err := t.sum(summary, took); err != nil {
		return err
	}
	if !t.asJSON && summary.Refused > 0 {
		t.app.printf("correct what was refused, and import the file again: what is there is not made again\n")
	}
	if !summary.OK() {
		return errNotSo
	}
	return nil
}

// strict prints the summary of an input that has bad lines.
func (t *importTeller) strict(summary invoicing.ImportSummary, took time.Duration) error {
	if err := t.sum(summary, took); err != nil {
		return err
	}
	if !t.asJSON {
		t.app.printf("nothing was done, as --strict says: correct the input\n")
	}
	return errNotSo
}

func (t *importTeller) sum(s invoicing.ImportSummary, took time.Duration) error {
	t.bar.gone()
	if t.asJSON {
		return t.app.printJSON(toldImport{summedImport{s, round(took)}})
	}
	did, made, becoming := "imported", s.Created, "created"
	if s.DryRun {
		did, made, becoming = "looked at", s.New, "new"
	}
	t.app.printf("%s %s in %s: %s %s, %s there before, %s refused, %s failed\n", did, plural(s.Lines, "line"), seconds(took.Seconds()),
		thousands(made), becoming, thousands(s.Before), thousands(s.Refused), thousands(s.Failed))
	if s.Organisations.New+s.Contacts.New > 0 {
		t.app.printf("%s and %s%s\n", plural(s.Organisations.New, "new organisation"), plural(s.Contacts.New, "new contact"),
			map[bool]string{true: " would be created"}[s.DryRun])
	}
	if len(s.Totals) > 0 {
		t.app.printf("%s in all\n", totals(s.Totals))
	}
	return t.app.unwritten
}
