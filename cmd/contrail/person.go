package main

import (
	"fmt"
	"os"
	"os/user"
)

// person is who decides and gives orders, as tables and logs have it: user@host.
func person() string {
	name := os.Getenv("USER")
	if current, err := user.Current(); err == nil {
		name = current.Username
	}
	if name == "" {
		name = fmt.Sprintf("uid %d", os.Getuid()) // in a container that has no list of users
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}
