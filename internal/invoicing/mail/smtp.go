package mail

import (
	"context"
	"crypto/tls"
	"fmt"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// SMTP hands mails to a server, each over a connection of its own.
type SMTP struct{ config SMTPConfig }

// NewSMTP checks config and connects to nothing yet. The error names every field that is wrong.
func NewSMTP(config SMTPConfig) (*SMTP, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("mail.SMTPConfig: %w", err)
	}
	return &SMTP{config}, nil
}

// Send returns nil when the server has taken the mail. Else the error is
//
//   - temporary: the server can't be reached, does not let this program in, or answers with 4xx. Nothing was sent.
//   - bounced: it knows no such mailbox (5xx with the enhanced status 5.1.x).
//   - permanent: it answers with another 5xx, or an address is none.
//   - ambiguous: the connection was lost when all was sent, before the answer came.
//
// When ctx ends the connection is cut.
func (s *SMTP) Send(ctx context.Context, m Message) (deliveries.Receipt, error) {
	message, err := m.compose()
	if err != nil {
		return deliveries.Receipt{}, err
	}
	line := &line{}
	client, err := gomail.NewClient(s.config.Host, s.options(line)...)
	if err != nil {
		return deliveries.Receipt{}, fmt.Errorf("mail by %s: %w", s.config.Host, err)
	}
	defer context.AfterFunc(ctx, line.cut)()
	defer line.cut()
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return deliveries.Receipt{}, deliveries.Temporary(fmt.Errorf("connect to the mail server %s: %w", s.config.Host, err))
	}
	if err := s.hand(client, session, message); err != nil {
		return deliveries.Receipt{}, fmt.Errorf("mail by %s: %w", s.config.Host, err)
	}
	return deliveries.Receipt{ID: m.ID(), Response: message.ServerResponse()}, nil
}

// hand hands the mail over, and says goodbye. Once the mail is taken nothing that goes wrong takes it back.
func (s *SMTP) hand(client *gomail.Client, session *smtp.Client, message *gomail.Msg) error {
	err := client.SendWithSMTPClient(session, message)
	if err != nil && !message.IsDelivered() {
		return classify(err) // without a goodbye: behind half a mail it would end that mail, and send it
	}
	_ = session.Quit() // it has the mail
	return nil
}

// options are those of one connection.
func (s *SMTP) options(line *line) []gomail.Option {
	secured := &tls.Config{ServerName: s.config.Host, MinVersion: tls.VersionTLS12, RootCAs: s.config.RootCAs}
	options := []gomail.Option{
		gomail.WithPort(s.config.Port), gomail.WithTimeout(s.config.Timeout), gomail.WithTLSPolicy(s.config.encryption()), gomail.WithTLSConfig(secured),
		gomail.WithDialContextFunc(line.dial), gomail.WithoutNoop(),
	}
	if s.config.TLS {
		options = append(options, gomail.WithSSL())
		line.secured = secured
	}
	if s.config.User != "" {
		options = append(options, gomail.WithUsername(s.config.User), gomail.WithPassword(s.config.Password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
	}
	return options
}
