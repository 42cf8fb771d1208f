"""Networks: shapes and first weights in numpy, training in torch."""
