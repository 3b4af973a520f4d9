package mail

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/contrail-events/contrail"
)

// Message is a mail of plain text.
type Message struct {
	Key     string          // the same in each attempt to send it, and of no other mail; ASCII without blanks
	From    netmail.Address // who sends it; its domain is that of the Message-ID
	To      netmail.Address
	Subject string
	Text    string
	Date    time.Time // when it was to be sent first
}

// ID is the Message-ID, without its angle brackets.
func (m Message) ID() string {
	_, domain, _ := strings.Cut(m.From.Address, "@")
	return m.Key + "@" + domain
}

// compose returns the mail in the form of RFC 5322, or an error marked with [contrail.Permanent]: an address that is none.
func (m Message) compose() (*gomail.Msg, error) {
	message := gomail.NewMsg()
	if err := errors.Join(CheckAddress(m.From), message.From(m.From.String())); err != nil {
		return nil, contrail.Permanent(fmt.Errorf("the sender's address: %w", err))
	}
	if err := errors.Join(CheckAddress(m.To), message.To(m.To.String())); err != nil {
		return nil, contrail.Permanent(fmt.Errorf("the recipient's address: %w", err))
	}
	message.Subject(m.Subject)
	message.SetMessageIDWithValue(m.ID())
	message.SetDateWithValue(m.Date.UTC())
	message.SetUserAgent("contrail")
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no holiday notes, please
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	return message, nil
}

// CheckAddress refuses what is more than an address, or less. Quoted local parts, as in "a b"@example.org, are none.
func CheckAddress(address netmail.Address) error {
	parsed, err := netmail.ParseAddress(address.Address)
	if err == nil && *parsed != (netmail.Address{Address: address.Address}) {
		err = errors.New("it is no address alone")
	}
	return err
}
