package mail

import (
	"errors"
	"regexp"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// noMailbox is the class of enhanced status codes that are about the address (RFC 3463): there is no such mailbox, domain or relay for it.
const noMailbox = "5.1."

// classify says what the ledger is to make of an error from the dialogue with a server.
func classify(err error) error {
	failure, ok := errors.AsType[*gomail.SendError](err)
	switch {
	case !ok:
		return err
	case failure.ErrorCode()/100 == 5 && strings.HasPrefix(enhanced(failure), noMailbox):
		return deliveries.Bounced(err)
	case failure.ErrorCode()/100 == 5:
		return contrail.Permanent(err)
	case failure.ErrorCode()/100 == 4:
		return deliveries.Temporary(err)
	case failure.Reason == gomail.ErrSMTPDataClose:
		return deliveries.Ambiguous(err) // all was sent; no answer came
	}
	return deliveries.Temporary(err) // the connection was lost before the end of the mail, without which no server takes it
}

// enhanced is the enhanced status code of an answer, also of a server that does not announce that it has them; "": there is none.
func enhanced(failure *gomail.SendError) string {
	if code := failure.EnhancedStatusCode(); code != "" {
		return code
	}
	found := regexp.MustCompile(`\b5\d\d[ -](5\.\d{1,3}\.\d{1,3})\b`).FindStringSubmatch(failure.Error())
	if found == nil {
		return ""
	}
	return found[1]
}
