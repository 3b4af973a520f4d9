// Package mailtest runs SMTP servers for tests.
package mailtest
