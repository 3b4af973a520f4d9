package money_test

import (
	"encoding/json"
	"fmt"

	"github.com/contrail-events/contrail/domain/money"
)

func ExampleParse() {
	price, _ := money.Parse("0.99", "USD")
	total, _ := price.Mul(3)
	text, err := json.Marshal(total)
	fmt.Println(total, string(text), err)

	_, err = money.Parse("1.999", "USD")
	fmt.Println(err)
	// Output:
	// USD 2.97 {"amount":"2.97","currency_code":"USD"} <nil>
	// amount "1.999" has too many decimals: USD has 2; round it first
}
