package invoicing

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
)

// letter is what a mail tells.
type letter struct {
	invoice      invoice.State
	contact      contact.State
	organisation string // its name
}

// write returns the mail of a channel.
func (l letter) write(channel string) (subject, text string) {
	name := cmp.Or(l.invoice.Reference, l.invoice.ID)
	var opening, closing string
	switch channel {
	case ChannelReminder:
		subject = fmt.Sprintf("Reminder: invoice %s from %s was due on %s", name, l.organisation, l.invoice.DueDate)
		opening = fmt.Sprintf("invoice %s from %s was due on %s, and no payment has come in.", name, l.organisation, l.invoice.DueDate)
		closing = "Please pay it now. If you have paid it in the last days, there is nothing to do."
	case ChannelSecondReminder:
		subject = fmt.Sprintf("Second reminder: invoice %s from %s was due on %s", name, l.organisation, l.invoice.DueDate)
		opening = fmt.Sprintf("invoice %s from %s was due on %s. We have reminded you of it before, and no payment has come in.",
			name, l.organisation, l.invoice.DueDate)
		closing = "Please pay it at once, or write to us if something is wrong with it."
	default:
		subject = fmt.Sprintf("Invoice %s from %s", name, l.organisation)
		opening = fmt.Sprintf("this is invoice %s from %s.", name, l.organisation)
		closing = fmt.Sprintf("It is due on %s.", l.invoice.DueDate)
		if l.invoice.Status == invoice.StatusPaid {
			closing = "It is paid. Thank you."
		}
	}
	return subject, fmt.Sprintf("Dear %s %s,\n\n%s\n\n%s\n%s\n\n%s\ninvoice %s\n", l.contact.FirstName, l.contact.LastName,
		opening, l.lines(), closing, l.organisation, l.invoice.ID)
}

// lines are the invoice's, one below the other, and the total below them.
func (l letter) lines() string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 1, ' ', tabwriter.AlignRight)
	for _, line := range l.invoice.LineItems {
		total, err := line.Total()
		if err != nil { // the sub-total was added up of them, so there is none
			continue
		}
		_, _ = fmt.Fprintf(table, "\t%d\t×\t%s\t=\t%s\t  %s\n", line.Quantity, line.UnitAmount, total, line.Description) // to memory
	}
	_, _ = fmt.Fprintf(table, "\t\t\t\t\t%s\t  in total\n", l.invoice.SubTotal) // likewise
	_ = table.Flush()                                                           // likewise
	return text.String()
}
