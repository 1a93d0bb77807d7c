"""What each errcode of WeChat means, one table a platform."""
