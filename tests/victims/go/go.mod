module heapwatch.test/victim

go 1.19
