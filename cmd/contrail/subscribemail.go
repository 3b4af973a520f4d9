package main

import (
	netmail "net/mail"
	"strings"

	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/invoicing/mail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// mailFlags say how mails are sent.
type mailFlags struct {
	Mail     string `default:"log" placeholder:"log|dir:PATH|smtp://HOST" help:"How mails are sent: log only logs them, dir:PATH writes each into a folder, smtp://user:password@host:587 and smtps://… send them. The command line is for all to see: set the variable where there is a password."`
	MailFrom string `placeholder:"ADDRESS" help:"Who sends them, as in 'Billing <billing@example.org>'; required with smtp."`
}

// nobody sends what nobody gets.
const nobody = "invoices@localhost"

// mailing is what the flags say. Whoever takes a mail that comes twice for the same one gets it again where nobody knows; a mail server is left to a person.
func (f mailFlags) mailing(a *app) (config invoicing.NotificationsConfig, err error) {
	from, scheme := f.MailFrom, f.Mail
	if at := strings.Index(f.Mail, ":"); at >= 0 {
		scheme = f.Mail[:at]
	}
	switch scheme {
	case "log":
		config.Mailer, config.Policy.Ambiguous = mail.NewLog(a.log), deliveries.Resend
	case "dir":
		folder, err := mail.NewFolder(strings.TrimPrefix(f.Mail, "dir:"))
		if err != nil {
			return config, usagef("--mail: %v; give it as dir:PATH", err)
		}
		config.Mailer, config.Policy.Ambiguous = folder, deliveries.Resend
	case "smtp", "smtps":
		if config.Mailer, err = smtpMailer(f.Mail); err != nil {
			return config, err
		}
		if from == "" {
			return config, usagef("--mail-from is missing; give the address that mails are sent from, as in 'Billing <billing@example.org>'")
		}
	default:
		return config, usagef("--mail begins with none of log, dir:, smtp:// and smtps://; give one of these")
	}
	if from == "" {
		from = nobody
	}
	address, err := netmail.ParseAddress(from)
	if err != nil {
		return config, usagef("--mail-from is %q, which is no address (%v); write it as in 'Billing <billing@example.org>'", from, err)
	}
	config.From = *address
	return config, nil
}

// smtpMailer says what is wrong without the URL itself, which may hold a password.
func smtpMailer(address string) (invoicing.Mailer, error) {
	config, err := mail.ParseSMTP(address)
	if err != nil {
		return nil, usagef("--mail: %v", err)
	}
	return mail.NewSMTP(config)
}
