package mail_test

import (
	"context"
	"fmt"
	netmail "net/mail"
	"os"

	"github.com/contrail-events/contrail/internal/invoicing/mail"
)

// A mail with the same key is the same mail, for whoever gets it twice.
func ExampleFolder() {
	path, err := os.MkdirTemp("", "mails")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(path) }()
	folder, err := mail.NewFolder(path)
	if err != nil {
		panic(err)
	}
	for range 2 {
		receipt, err := folder.Send(context.Background(), mail.Message{
			Key: "0192", From: netmail.Address{Address: "billing@example.org"}, To: netmail.Address{Address: "ada@example.com"}, Subject: "Invoice a-1",
		})
		fmt.Println(receipt.ID, receipt.Response, err)
	}
	files, err := os.ReadDir(path)
	fmt.Println(len(files), "file", err)
	// Output:
	// 0192@example.org written to 0192.eml <nil>
	// 0192@example.org written to 0192.eml <nil>
	// 1 file <nil>
}

// The kind of URL that a program takes from its environment.
func ExampleParseSMTP() {
	config, err := mail.ParseSMTP("smtps://app:secret@mail.example.org")
	if err != nil {
		panic(err)
	}
	sender, err := mail.NewSMTP(config)
	fmt.Println(config.Host, config.User, config.TLS, sender != nil, err)
	// Output: mail.example.org app true true <nil>
}
