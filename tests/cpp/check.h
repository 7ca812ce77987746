// Ends a test program if a condition does not hold.
#pragma once
#include <cstdlib>
#include <iostream>

#define CHECK(what)                                                          \
  do {                                                                       \
    if (!(what)) {                                                           \
      std::cerr << __FILE__ << ':' << __LINE__ << ": " << #what << std::endl; \
      std::exit(1);                                                          \
    }                                                                        \
  } while (0)
