package mail

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// SMTPConfig says which server takes the mails. Only Host is required.
type SMTPConfig struct {
	Host string

	// Port is the server's. Default: 587, and with TLS 465.
	Port int

	// User and Password, if they are given, are sent to a server that is encrypted or on this machine, and to no other.
	User, Password string

	// TLS encrypts from the first byte. Else the connection is encrypted by STARTTLS if the server offers it, and must be if there is a User and the
	// server is not on this machine.
	TLS bool

	// RootCAs are the authorities that may vouch for the server. Nil: the system's.
	RootCAs *x509.CertPool

	// Timeout is how long connecting may take, and then the mail. Default: 20 s each.
	Timeout time.Duration
}

const defaultTimeout = 20 * time.Second

// ParseSMTP reads smtp://user:password@host:587, or smtps:// for TLS from the first byte; user, password and port may be left out. The error does
// not quote the password.
func ParseSMTP(text string) (SMTPConfig, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		return SMTPConfig{}, errors.New("it is no URL; write it as smtp://user:password@host:587, with special characters of the password as in %40")
	}
	config := SMTPConfig{Host: parsed.Hostname(), TLS: parsed.Scheme == "smtps", User: parsed.User.Username()}
	config.Password, _ = parsed.User.Password()
	switch {
	case parsed.Scheme != "smtp" && parsed.Scheme != "smtps":
		return SMTPConfig{}, fmt.Errorf("it begins with %q, and not with smtp:// or smtps://", parsed.Scheme)
	case parsed.Path != "" && parsed.Path != "/", parsed.RawQuery != "", parsed.Fragment != "":
		return SMTPConfig{}, errors.New("there is something behind the host; write it as smtp://user:password@host:587")
	}
	if port := parsed.Port(); port != "" {
		if config.Port, err = strconv.Atoi(port); err != nil {
			return SMTPConfig{}, fmt.Errorf("its port is %q, and no number", port)
		}
	}
	return config, config.withDefaults().validate()
}

func (c SMTPConfig) withDefaults() SMTPConfig {
	if c.Port == 0 {
		c.Port = 587
		if c.TLS {
			c.Port = 465
		}
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	return c
}

// validate reports every fault at once. It expects the defaults to be filled in.
func (c SMTPConfig) validate() error {
	var faults []error
	if c.Host == "" {
		faults = append(faults, fmt.Errorf("%s is required", "Host"))
	}
	if c.Port < 1 || c.Port > 65535 {
		faults = append(faults, fmt.Errorf("%s: %d is not between 1 and 65535", "Port", c.Port))
	}
	if c.User == "" && c.Password != "" {
		faults = append(faults, fmt.Errorf("%s is given without a User", "Password"))
	}
	if c.Timeout < 0 {
		faults = append(faults, fmt.Errorf("%s: %v is below zero", "Timeout", c.Timeout))
	}
	return errors.Join(faults...)
}

// encryption is what the connection has to be.
func (c SMTPConfig) encryption() gomail.TLSPolicy {
	switch {
	case c.TLS:
		return gomail.NoTLS // STARTTLS within TLS is none
	case c.User != "" && !c.isLocal():
		return gomail.TLSMandatory
	}
	return gomail.TLSOpportunistic
}

func (c SMTPConfig) isLocal() bool {
	address := net.ParseIP(c.Host)
	return c.Host == "localhost" || address != nil && address.IsLoopback()
}
